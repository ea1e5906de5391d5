# A migration that fails leaves what runs alone, and what starts says why it does not serve.
{
  name = "veza-migration";

  nodes.machine =
    { vezaModules, ... }:
    {
      imports = [ vezaModules.single-node ];
      services.veza.edge.enable = false;
      security.sudo.enable = true;
    };

  testScript = ''
    machine.wait_for_unit("veza-api.service")
    machine.succeed("curl -fsS http://127.0.0.1:8080/.well-known/jwks.json")

    with subtest("a failed migration leaves the running process alone"):
        machine.succeed("sudo -u postgres psql veza -c 'ALTER ROLE veza_owner NOLOGIN'")
        machine.execute("systemctl restart --no-block veza-migrate.service")
        machine.wait_until_succeeds("journalctl -u veza-migrate.service | grep 'not permitted to log in'")
        machine.succeed("curl -fsS http://127.0.0.1:8080/.well-known/jwks.json")

    with subtest("without its schema a process says what to do"):
        machine.succeed("sudo -u postgres psql veza -c 'DROP SCHEMA core CASCADE'")
        machine.execute("systemctl restart --no-block veza-api.service")
        machine.wait_until_succeeds("journalctl -u veza-api.service | grep 'veza migrate'")
  '';
}
