# What runs beside requests, and the migration.
{ vezaModules, ... }:
{
  imports = [
    vezaModules.worker
    ./files.nix
  ];
  networking.hostName = "worker1";
  services.veza = {
    privateInterface = "enp7s0";
    settings = {
      web.public_url = "https://api.example.com";
      telemetry.otlp_endpoint = "http://10.0.0.40:4317";
      tenant.mail.from = "Acme <no-reply@example.com>";
    };
    roles.worker.adminAddress = "10.0.0.21:9102";
    secrets = {
      "tenant.root_secret" = "/etc/veza/secrets/root_secret";
      "tenant.mail.smtp_url" = "/etc/veza/secrets/smtp_url";
      "database.url" = "/etc/veza/secrets/database_url";
      "database.system_url" = "/etc/veza/secrets/system_url";
      "database.jobs_url" = "/etc/veza/secrets/jobs_url";
      "database.owner_url" = "/etc/veza/secrets/owner_url";
    };
    observability = {
      ship = "http://10.0.0.40:3100";
      export = "10.0.0.21";
    };
  };
}
