# Live media, for an edge on another machine. Say `roles.stream.listen`, `roles.stream.adminAddress`,
# `settings.stream.media.announce`, the secrets, and `privateInterface`, where the first two are opened.
{ lib, ... }:
{
  imports = [ ../. ];
  services.veza = {
    enable = lib.mkDefault true;
    roles = {
      api.enable = lib.mkDefault false;
      worker.enable = lib.mkDefault false;
      stream.enable = lib.mkDefault true;
    };
    # Of many nodes one migrates.
    migrate = lib.mkDefault false;
  };
}
