# PostgreSQL, for the nodes of the private network.
{ vezaModules, ... }:
{
  imports = [ vezaModules.database ];
  networking.hostName = "db";
  services.veza = {
    privateInterface = "enp7s0";
    database.network = {
      clients = [ "10.0.0.0/24" ];
      certificate = "/etc/veza/secrets/postgresql.crt";
      key = "/etc/veza/secrets/postgresql.key";
      passwords = {
        veza_app = "/etc/veza/secrets/veza_app";
        veza_jobs = "/etc/veza/secrets/veza_jobs";
        veza_owner = "/etc/veza/secrets/veza_owner";
        veza_system = "/etc/veza/secrets/veza_system";
      };
    };
    observability = {
      ship = "http://10.0.0.40:3100";
      export = "10.0.0.30";
    };
  };
}
