# What watches the others.
{ vezaModules, ... }:
{
  imports = [ vezaModules.observability ];
  networking.hostName = "watch";
  services.veza = {
    privateInterface = "enp7s0";
    observability = {
      otlpAddress = "10.0.0.40:4317";
      lokiAddress = "10.0.0.40";
      probes = [ "https://api.example.com/.well-known/jwks.json" ];
      targets = {
        api = [
          "10.0.0.11:9101"
          "10.0.0.12:9101"
        ];
        worker = [ "10.0.0.21:9102" ];
        stream = [ "10.0.0.51:9103" ];
      };
      nodes = [
        "10.0.0.10:9100"
        "10.0.0.11:9100"
        "10.0.0.12:9100"
        "10.0.0.21:9100"
        "10.0.0.30:9100"
        "10.0.0.35:9100"
        "10.0.0.51:9100"
      ];
    };
  };
}
