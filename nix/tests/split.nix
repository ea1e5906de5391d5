# A node for each part: an edge, two app nodes, a worker that migrates, a database with TLS and passwords.
let
  secrets =
    { pkgs, lib, ... }:
    {
      systemd.tmpfiles.rules =
        lib.mapAttrsToList
          (name: text: "C /run/secrets/${name} 0400 root root - ${pkgs.writeText name text}")
          (
            {
              root_secret = "dGVzdC1zZWNyZXQtdGVzdC1zZWNyZXQtdGVzdC1zZWM=";
              password = "test-password";
            }
            // lib.genAttrs [ "app" "system" "jobs" "owner" ] (
              role: "postgresql://veza_${role}:test-password@database/veza?sslmode=require"
            )
          );
    };
  common = {
    settings.web = {
      public_url = "https://api.example.com";
    };
    secrets = {
      "tenant.root_secret" = "/run/secrets/root_secret";
      "database.url" = "/run/secrets/app";
      "database.system_url" = "/run/secrets/system";
      "database.jobs_url" = "/run/secrets/jobs";
    };
    privateInterface = "eth1";
  };
  app =
    {
      config,
      lib,
      vezaModules,
      ...
    }:
    let
      address = config.networking.primaryIPAddress;
    in
    {
      imports = [
        vezaModules.app
        secrets
      ];
      services.veza = lib.mkMerge [
        common
        {
          settings.web.listen = [ "${address}:8080" ];
          settings.web.trusted_proxies = [ "192.168.1.0/24" ];
          roles.api.adminAddress = "${address}:9101";
        }
      ];
    };
in
{
  name = "veza-split";

  nodes = {
    app1 = app;
    app2 = app;
    database =
      { vezaModules, ... }:
      {
        imports = [
          vezaModules.database
          secrets
          ./certificate.nix
        ];
        users.groups.nginx = { };
        services.veza = {
          privateInterface = "eth1";
          database.network = {
            clients = [ "192.168.1.0/24" ];
            certificate = "/run/test-cert.pem";
            key = "/run/test-key.pem";
            passwords = {
              veza_app = "/run/secrets/password";
              veza_system = "/run/secrets/password";
              veza_jobs = "/run/secrets/password";
              veza_owner = "/run/secrets/password";
            };
          };
        };
      };
    worker =
      { lib, vezaModules, ... }:
      {
        imports = [
          vezaModules.worker
          secrets
        ];
        services.veza = lib.mkMerge [
          common
          { secrets."database.owner_url" = "/run/secrets/owner"; }
        ];
      };
    edge =
      { vezaModules, ... }:
      {
        imports = [
          vezaModules.edge
          ./certificate.nix
        ];
        networking.hosts."127.0.0.1" = [ "api.example.com" ];
        services.veza.edge = {
          domain = "api.example.com";
          certificate = "/run/test-cert.pem";
          key = "/run/test-key.pem";
          upstreams.api = [
            "app1:8080"
            "app2:8080"
          ];
        };
      };
  };

  testScript = ''
    database.wait_for_unit("veza-database.service")
    worker.wait_for_unit("veza-migrate.service")
    worker.wait_for_unit("veza-worker.service")
    for node in [app1, app2]:
        node.wait_for_unit("veza-api.service")
    edge.wait_for_unit("nginx.service")
    edge.wait_until_succeeds("curl -fsS https://api.example.com/.well-known/jwks.json")

    with subtest("one app node may go away"):
        app1.succeed("systemctl stop veza-api.socket veza-api.service")
        edge.succeed("for i in $(seq 20); do curl -fsS https://api.example.com/.well-known/jwks.json; done")

    with subtest("the app nodes have no owner"):
        app2.fail("systemctl cat veza-migrate.service")

    with subtest("nothing but the private network reaches the database"):
        edge.fail("curl --max-time 3 telnet://app1:9102")
  '';
}
