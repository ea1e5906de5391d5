# What runs beside requests; of such nodes one migrates (`migrate`).
{ lib, ... }:
{
  imports = [ ../. ];
  services.veza = {
    enable = lib.mkDefault true;
    roles.api.enable = lib.mkDefault false;
  };
}
