# Garage, for the nodes of the private network.
{ vezaModules, ... }:
{
  imports = [ vezaModules.object-store ];
  networking.hostName = "store";
  services.veza = {
    privateInterface = "enp7s0";
    objectStore.address = "10.0.0.35";
    observability = {
      ship = "http://10.0.0.40:3100";
      export = "10.0.0.35";
    };
  };
}
