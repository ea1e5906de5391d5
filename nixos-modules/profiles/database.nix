# PostgreSQL for other machines. Say `database.network.{clients,certificate,key,passwords}`.
{ lib, ... }:
{
  imports = [ ../. ];
  services.veza.database = {
    createLocally = lib.mkDefault true;
    network.enable = lib.mkDefault true;
  };
}
