# Live media: HTTP on the network between the nodes, and a port that everybody reaches.
{ vezaModules, ... }:
{
  imports = [
    vezaModules.media
    ./files.nix
  ];
  networking.hostName = "media1";
  services.veza = {
    privateInterface = "enp7s0";
    settings = {
      web = {
        public_url = "https://api.example.com";
        trusted_proxies = [ "10.0.0.10/32" ];
        compression = false;
      };
      telemetry.otlp_endpoint = "http://10.0.0.40:4317";
      stream.media.announce = [ "203.0.113.51" ];
    };
    roles.stream = {
      listen = [ "10.0.0.51:8080" ];
      adminAddress = "10.0.0.51:9103";
    };
    secrets = {
      "tenant.root_secret" = "/etc/veza/secrets/root_secret";
      "database.url" = "/etc/veza/secrets/database_url";
      "database.system_url" = "/etc/veza/secrets/system_url";
      "database.jobs_url" = "/etc/veza/secrets/jobs_url";
    };
    observability = {
      ship = "http://10.0.0.40:3100";
      export = "10.0.0.51";
    };
  };
}
