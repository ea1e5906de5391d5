# Prometheus, Alertmanager, Grafana, Loki, Tempo. Say `observability.{targets,nodes,alertmanager}`.
{ lib, ... }:
{
  imports = [ ../. ];
  services.veza.observability.enable = lib.mkDefault true;
}
