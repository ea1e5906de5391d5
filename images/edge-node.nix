# nginx, in front of two app nodes and a media node.
{ vezaModules, ... }:
{
  imports = [ vezaModules.edge ];
  networking.hostName = "edge";
  services.veza = {
    privateInterface = "enp7s0";
    edge = {
      domain = "api.example.com";
      acme.email = "ops@example.com";
      upstreams.api = [
        "10.0.0.11:8080"
        "10.0.0.12:8080"
      ];
      upstreams.stream = [ "10.0.0.51:8080" ];
    };
    observability = {
      ship = "http://10.0.0.40:3100";
      export = "10.0.0.10";
    };
  };
}
