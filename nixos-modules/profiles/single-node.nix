# Everything on one machine: nginx, all roles, PostgreSQL. Say `edge.domain` and `edge.acme.email`.
{ lib, ... }:
{
  imports = [ ../. ];
  services.veza = {
    enable = lib.mkDefault true;
    generateRootSecret = lib.mkDefault true;
    database.createLocally = lib.mkDefault true;
    edge.enable = lib.mkDefault true;
  };
}
