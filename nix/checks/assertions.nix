# Wrong configurations, and of each a piece of what must be said about it. `said` is null where nothing is.
{
  lib,
  nixpkgs,
  pkgs,
  modules,
}:
let
  evaluate =
    parts:
    import (nixpkgs + "/nixos/lib/eval-config.nix") {
      system = null;
      modules = [
        modules.default
        { nixpkgs.pkgs = pkgs; }
      ]
      ++ parts;
    };
  # A configuration that is right: each wrong one differs from it by one thing.
  right = {
    services.veza = {
      enable = true;
      generateRootSecret = true;
      database.createLocally = true;
      edge = {
        enable = true;
        domain = "api.example.com";
        acme.email = "ops@example.com";
      };
    };
  };
  said =
    wrong:
    let
      node = evaluate [
        right
        { services.veza = wrong; }
      ];
      inherit (node.config.services) veza;
      read = builtins.tryEval (builtins.deepSeq [ veza.configText veza.secrets ] true);
      messages = map (it: it.message) (lib.filter (it: !it.assertion) node.config.assertions);
      ours = lib.filter (lib.hasInfix "services.veza") messages;
    in
    if !read.success then [ "the configuration does not evaluate" ] else ours;
  of = should: wrong: {
    inherit should;
    said = said wrong;
  };
  force = lib.mkForce;
in
{
  right = of null { };

  no-role = of "at least one role must be enabled" {
    roles.api.enable = false;
    roles.worker.enable = false;
  };
  unknown-secret = of "is no secret of Veza" { secrets."tenant.rot_secret" = "/etc/x"; };
  secret-in-store = of "is a file in the Nix store" {
    secrets."tenant.mail.smtp_url" = "${pkgs.writeText "smtp" "x"}";
  };
  secret-as-path = of "does not evaluate" {
    secrets."tenant.mail.smtp_url" = ./render.nix;
  };
  relative-secret = of "must be an absolute path" { secrets."tenant.mail.smtp_url" = "smtp_url"; };
  secret-in-settings = of "is a secret, and settings are in the Nix store" {
    settings.tenant.mail.smtp_url = "smtps://user:password@mail.example.com";
  };
  password-in-url = of "is a secret, and settings are in the Nix store" {
    settings.database.url = force "postgresql://veza_app:hunter2@db/veza";
  };
  password-in-query = of "is a secret, and settings are in the Nix store" {
    settings.database.url = force "postgresql://db/veza?user=veza_app&password=hunter2";
  };
  password-of-redis = of "is a secret, and settings are in the Nix store" {
    settings.jobs.redis_url = "redis://:hunter2@cache:6379";
  };
  secret-file-in-settings = of "use services.veza.secrets" {
    settings.tenant.mail.smtp_url_file = "/etc/veza/smtp_url";
  };
  setting-and-secret = of "is in settings and in secrets" {
    secrets."database.url" = "/etc/veza/url";
  };
  no-root-secret = of "openssl rand -base64 32" { generateRootSecret = force false; };
  no-database = of "there is no database" { database.createLocally = force false; };
  admin-in-settings = of "adminAddress" { settings.server.admin_listen = "127.0.0.1:9999"; };
  long-drain = of "must be at most 30s" { settings.server.drain_timeout = "1m"; };
  media-without-address = of "media.announce is empty" { roles.stream.enable = true; };
  media-on-any-port = of "media.port must not be 0" {
    roles.stream.enable = true;
    settings.stream.media = {
      announce = [ "203.0.113.7" ];
      port = 0;
    };
  };
  media-and-api-on-one-address = of "not all different" {
    roles.stream.enable = true;
    roles.stream.listen = [ "127.0.0.1:8080" ];
    settings.stream.media.announce = [ "203.0.113.7" ];
  };
  program-without-feature = of "was built without s3" {
    package = pkgs.callPackage ../package.nix { features = [ "kms" ]; };
    settings.storage.s3.bucket = "veza";
  };
  files-in-state-directory = of "and not /var/lib/veza itself" {
    settings.storage.directory = "/var/lib/veza";
  };
  root-key-in-settings = of "use services.veza.secrets" {
    settings.storage.root_key_file = "/etc/veza/root_key";
  };
  s3-secret-in-settings = of "is a secret, and settings are in the Nix store" {
    settings.storage.s3.secret_access_key = "hunter2";
  };
  password-of-chats-redis = of "is a secret, and settings are in the Nix store" {
    settings.chat.redis_url = "redis://:hunter2@cache:6379";
  };
  one-address-twice = of "not all different" { roles.worker.adminAddress = "127.0.0.1:9101"; };
  no-period = of "does not evaluate" { settings.server.drain_timeout = "soon"; };
  wrong-type = of "does not evaluate" { settings.web.workers = "many"; };
  out-of-range = of "does not evaluate" { settings.web.workers = 70000; };
  no-such-format = of "does not evaluate" { settings.telemetry.log_format = "xml"; };
  certificate-without-key = of "certificate and key belong together" {
    edge.certificate = "/etc/x.pem";
  };
  no-certificate = of "there is no certificate of your own" { edge.acme.email = force null; };
  wildcard-without-dns = of "takes acme.dnsProvider" { edge.tenantDomains = true; };
  route-to-nowhere = of "must be one of upstreams" { edge.routes."/x".upstream = "chat"; };
  key-in-store = of "edge.key must not be a file in the Nix store" {
    edge.certificate = "/etc/x.pem";
    edge.key = "${pkgs.writeText "key" "x"}";
  };
  nobody-may-connect = of "nobody could use the database" {
    database.network = {
      enable = true;
      certificate = "/etc/x.crt";
      key = "/etc/x.key";
    };
  };
  unknown-database-role = of "the roles are" { database.network.passwords.veza = "/etc/x"; };
  database-password-in-store = of "must not be files in the Nix store" {
    database.network.passwords.veza_app = "${pkgs.writeText "password" "x"}";
  };
  grafana-password-in-store = of "adminPassword must not be a file in the Nix store" {
    observability.enable = true;
    observability.grafana.adminPassword = "${pkgs.writeText "password" "x"}";
  };
}
