# The API, on the network between the nodes.
{ vezaModules, ... }:
{
  imports = [
    vezaModules.app
    ./files.nix
  ];
  networking.hostName = "app1";
  services.veza = {
    privateInterface = "enp7s0";
    settings = {
      web = {
        listen = [ "10.0.0.11:8080" ];
        public_url = "https://api.example.com";
        trusted_proxies = [ "10.0.0.10/32" ];
        compression = false;
      };
      telemetry.otlp_endpoint = "http://10.0.0.40:4317";
    };
    roles.api.adminAddress = "10.0.0.11:9101";
    secrets = {
      "tenant.root_secret" = "/etc/veza/secrets/root_secret";
      "database.url" = "/etc/veza/secrets/database_url";
      "database.system_url" = "/etc/veza/secrets/system_url";
      "database.jobs_url" = "/etc/veza/secrets/jobs_url";
    };
    observability = {
      ship = "http://10.0.0.40:3100";
      export = "10.0.0.11";
    };
  };
}
