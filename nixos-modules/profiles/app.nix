# The API, for an edge on another machine. Say `settings.web.listen`, `roles.api.adminAddress`, the secrets,
# and `privateInterface`, where both are opened.
{ lib, ... }:
{
  imports = [ ../. ];
  services.veza = {
    enable = lib.mkDefault true;
    roles.worker.enable = lib.mkDefault false;
    # Of many nodes one migrates.
    migrate = lib.mkDefault false;
  };
}
