# Everything on one machine: nginx, API and worker, PostgreSQL, files. Say `edge.domain` and
# `edge.acme.email`; for live media also `roles.stream.enable` and `settings.stream.media.announce`.
{ lib, ... }:
{
  imports = [ ../. ];
  services.veza = {
    enable = lib.mkDefault true;
    generateRootSecret = lib.mkDefault true;
    database.createLocally = lib.mkDefault true;
    storage.createLocally = lib.mkDefault true;
    edge.enable = lib.mkDefault true;
  };
}
