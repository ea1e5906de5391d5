# How a container is run, in the terms of the OCI image configuration.
{
  lib,
  program,
  arguments,
  version,
  adminPort,
  curl,
  certificates,
}:
let
  serves = adminPort != null;
in
{
  Entrypoint = [ program ];
  Cmd = arguments;
  User = "65532:65532";
  WorkingDir = "/";
  Env = [
    "SSL_CERT_FILE=${certificates}"
    "VEZA_WEB__LISTEN=[\"0.0.0.0:8080\"]"
  ]
  ++ lib.optional serves "VEZA_SERVER__ADMIN_LISTEN=0.0.0.0:${toString adminPort}";
  Labels = {
    "org.opencontainers.image.title" = "Veza: ${lib.concatStringsSep " " arguments}";
    "org.opencontainers.image.description" = "The backend of a multi-tenant SaaS";
    "org.opencontainers.image.version" = version;
    "org.opencontainers.image.licenses" = "MIT OR Apache-2.0";
    "org.opencontainers.image.source" = "https://github.com/veza-dev/veza";
  };
  # systemd stops in this way too.
  StopSignal = "SIGTERM";
}
// lib.optionalAttrs serves {
  ExposedPorts = {
    "8080/tcp" = { };
    "${toString adminPort}/tcp" = { };
  };
  # In nanoseconds.
  Healthcheck = {
    Test = [
      "CMD"
      curl
      "--silent"
      "--fail"
      "--output"
      "/dev/null"
      "http://127.0.0.1:${toString adminPort}/health"
    ];
    Interval = 10000000000;
    Timeout = 3000000000;
    StartPeriod = 60000000000;
    Retries = 3;
  };
}
