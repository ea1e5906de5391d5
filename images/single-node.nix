# All of it on one machine, which also watches itself.
{ vezaModules, ... }:
{
  imports = [
    vezaModules.single-node
    vezaModules.observability
  ];
  networking.hostName = "veza";
  services.veza = {
    edge.domain = "api.example.com";
    edge.acme.email = "ops@example.com";
    settings.tenant.mail.from = "Acme <no-reply@example.com>";
    secrets."tenant.mail.smtp_url" = "/etc/veza/secrets/smtp_url";
  };
}
