# Garage, with the S3 API. Say `objectStore.address` for other machines.
{ lib, ... }:
{
  imports = [ ../. ];
  services.veza.objectStore.createLocally = lib.mkDefault true;
}
