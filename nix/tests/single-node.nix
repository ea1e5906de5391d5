# One machine with everything: it serves over TLS, loses no request in a restart, comes back when killed,
# and keeps its sandbox.
{
  name = "veza-single-node";

  nodes.machine =
    {
      pkgs,
      vezaModules,
      ...
    }:
    {
      imports = [
        vezaModules.single-node
        ./certificate.nix
      ];
      networking.hosts."127.0.0.1" = [ "api.example.com" ];
      environment.systemPackages = [ pkgs.wrk ];
      services.veza = {
        database.pooler.enable = true;
        roles.stream.enable = true;
        settings.stream.media.announce = [ "127.0.0.1" ];
        edge = {
          domain = "api.example.com";
          certificate = "/run/test-cert.pem";
          key = "/run/test-key.pem";
        };
      };
    };

  testScript = ''
    import json

    url = "https://api.example.com"
    machine.wait_for_unit("multi-user.target")
    for unit in ["veza-migrate", "veza-api", "veza-stream", "veza-worker", "nginx", "pgbouncer"]:
        machine.wait_for_unit(f"{unit}.service")

    with subtest("an organisation begins and signs in through nginx"):
        machine.succeed("echo 'correct horse battery' | veza-admin tenant create acme --owner-email ada@example.com")
        body = json.dumps({"email": "ada@example.com", "password": "correct horse battery"})
        machine.succeed(f"curl -fsS {url}/v1/tenant/sessions -H 'content-type: application/json' -d '{body}' | grep access_token")

    with subtest("TLS 1.2 is refused, headers are there"):
        machine.fail(f"curl -fsS --tls-max 1.2 {url}/health")
        machine.succeed(f"curl -fsSI {url}/v1/openapi.json | grep -i strict-transport-security")

    with subtest("a restart under load loses no request"):
        machine.execute(f"(wrk -t1 -c4 -d20s {url}/.well-known/jwks.json > /tmp/load) >&2 &")
        machine.sleep(3)
        machine.succeed("systemctl restart veza-api.service")
        machine.sleep(3)
        machine.succeed("systemctl restart veza-api.service")
        machine.wait_until_succeeds("grep Requests/sec /tmp/load")
        machine.fail("grep -E 'Non-2xx|Socket errors' /tmp/load")

    with subtest("what is killed comes back"):
        for role in ["api", "stream", "worker"]:
            before = machine.succeed(f"systemctl show -P MainPID veza-{role}.service").strip()
            machine.succeed(f"kill -9 {before}")
            machine.wait_until_succeeds(f"test $(systemctl show -P MainPID veza-{role}.service) -gt 0")
            machine.wait_until_succeeds(f"systemctl is-active veza-{role}.service")
        machine.wait_until_succeeds(f"curl -fsS {url}/.well-known/jwks.json")

    with subtest("the migration's role cannot serve, and the serving one cannot migrate"):
        machine.fail("veza-admin migrate")

    with subtest("the sandbox is what was budgeted"):
        for unit in ["veza-api", "veza-stream", "veza-worker", "veza-migrate", "veza-secrets", "veza-database"]:
            machine.succeed(f"systemd-analyze security --threshold=13 {unit}.service")

    with subtest("it is all there after a reboot"):
        machine.shutdown()
        machine.start()
        machine.wait_for_unit("veza-api.service")
        machine.wait_until_succeeds(f"curl -fsS {url}/.well-known/jwks.json")
  '';
}
