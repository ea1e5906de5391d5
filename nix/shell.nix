# What `cargo xtask test` takes, where there is no apt.
{
  mkShell,
  veza,
  cargo,
  rustc,
  clippy,
  rustfmt,
  postgresql_17,
  redis,
  nginx,
  util-linux,
  python3,
  chromium,
  chromedriver,
  prometheus,
  systemd,
  nixfmt,
  deadnix,
  statix,
}:
mkShell {
  inputsFrom = [ veza ];
  packages = [
    cargo
    rustc
    clippy
    rustfmt
    postgresql_17
    redis
    nginx
    util-linux
    (python3.withPackages (python: [ python.aiosmtpd ]))
    chromium
    chromedriver
    prometheus.cli
    systemd
    nixfmt
    deadnix
    statix
  ];
}
