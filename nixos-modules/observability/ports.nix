{
  prometheus = 9090;
  alertmanager = 9093;
  grafana = 3000;
  loki = 3100;
  tempo = 3200;
  node = 9100;
  postgres = 9187;
  blackbox = 9115;
}
