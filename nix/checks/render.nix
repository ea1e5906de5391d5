# What a node would have in its files: our own units (`own`), those of others that we put into a sandbox
# (`others`), and the configuration of the program. Store paths lose their hashes, which change with
# everything, so that a difference in the text is a difference in meaning.
{ lib }:
node:
let
  inherit (node) config;
  isUnit =
    name:
    lib.any (kind: lib.hasSuffix kind name) [
      ".service"
      ".socket"
      ".slice"
      ".timer"
    ];
  isOwn = name: lib.hasPrefix "veza" name && isUnit name;
  daemons = map (name: "${name}.service") [
    "alertmanager"
    "alloy"
    "garage"
    "grafana"
    "loki"
    "nginx"
    "pgbouncer"
    "postgresql"
    "postgresql-setup"
    "prometheus"
    "prometheus-blackbox-exporter"
    "prometheus-node-exporter"
    "prometheus-postgres-exporter"
    "redis-veza"
    "tempo"
  ];
  withoutHash =
    text:
    let
      parts = builtins.split "/nix/store/[0-9a-z]{32}-" (builtins.unsafeDiscardStringContext text);
    in
    lib.concatMapStrings (part: if lib.isString part then part else "/nix/store/…-") parts;
  # Units say where the tools of their scripts are; of these the text would be nothing but paths.
  withoutPath =
    text:
    lib.concatStringsSep "\n" (
      lib.filter (
        line:
        !lib.any (start: lib.hasPrefix start line) [
          "Environment=\"PATH="
          "Environment=\"LOCALE_ARCHIVE="
          "Environment=\"TZDIR="
        ]
      ) (lib.splitString "\n" text)
    );
  texts =
    wanted:
    lib.mapAttrs (_: unit: withoutPath (withoutHash unit.text)) (
      lib.filterAttrs (name: unit: unit.enable && wanted name) config.systemd.units
    );
in
{
  own =
    texts isOwn
    // lib.optionalAttrs config.services.veza.enable {
      "veza.toml" = config.services.veza.configText;
    };
  others = texts (name: lib.elem name daemons);
}
