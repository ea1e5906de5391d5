# nginx alone, in front of other machines. Say `edge.domain`, `edge.upstreams.api` and a certificate.
{ lib, ... }:
{
  imports = [ ../. ];
  services.veza.edge.enable = lib.mkDefault true;
}
