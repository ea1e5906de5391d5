# How a container is run, in the terms of the OCI image configuration.
{
  lib,
  program,
  arguments,
  version,
  # Null where nothing runs that could be asked.
  adminPort,
  serves,
  # Null where there is no media.
  mediaPort,
  curl,
  certificates,
}:
let
  isAsked = adminPort != null;
  hasMedia = mediaPort != null;
  ports =
    lib.optional serves "8080/tcp"
    ++ lib.optional isAsked "${toString adminPort}/tcp"
    ++ lib.optionals hasMedia [
      "${toString mediaPort}/udp"
      "${toString mediaPort}/tcp"
    ];
in
{
  Entrypoint = [ program ];
  Cmd = arguments;
  User = "65532:65532";
  WorkingDir = "/";
  Env = [
    "SSL_CERT_FILE=${certificates}"
  ]
  ++ lib.optional serves "VEZA_WEB__LISTEN=[\"0.0.0.0:8080\"]"
  ++ lib.optional isAsked "VEZA_SERVER__ADMIN_LISTEN=0.0.0.0:${toString adminPort}";
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
// lib.optionalAttrs (ports != [ ]) {
  ExposedPorts = lib.genAttrs ports (_: { });
}
// lib.optionalAttrs hasMedia {
  # The logs of recordings outlast the container.
  Volumes."/var/lib/veza/recordings" = { };
}
// lib.optionalAttrs isAsked {
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
