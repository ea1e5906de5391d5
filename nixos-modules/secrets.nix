# Secrets that are made on the first start, where nobody brings any.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.veza;
  hardening = import ./hardening.nix;
  bin = name: lib.getExe' pkgs.coreutils name;
in
{
  options.services.veza.generated = lib.mkOption {
    type = lib.types.attrsOf (
      lib.types.enum [
        "base64"
        "hex"
        "key"
      ]
    );
    default = { };
    internal = true;
    description = "Secrets of 32 bytes to make below `/var/lib/veza-secrets` where they are missing, by their form.";
  };

  config = lib.mkIf (cfg.generated != { }) {
    systemd.services.veza-secrets = {
      description = "Veza: secrets, made where they are missing";
      serviceConfig = hardening.offline // {
        Type = "oneshot";
        RemainAfterExit = true;
        DynamicUser = true;
        StateDirectory = "veza-secrets";
        StateDirectoryMode = "0700";
        Slice = "veza.slice";
        ExecStart = "${pkgs.writeShellScript "veza-secrets" ''
          set -eu
          cd "$STATE_DIRECTORY"
          while [ $# -gt 0 ]; do
            name="$1" form="$2"
            shift 2
            [ ! -s "$name" ] || continue
            case "$form" in
              base64) ${bin "head"} -c 32 /dev/urandom | ${bin "base64"} > "$name.part" ;;
              key) echo "first $(${bin "head"} -c 32 /dev/urandom | ${bin "base64"})" > "$name.part" ;;
              hex) ${bin "od"} -An -vtx1 -w32 -N32 /dev/urandom | ${bin "tr"} -d ' ' > "$name.part" ;;
            esac
            ${bin "sync"} "$name.part"
            ${bin "mv"} -T "$name.part" "$name"
          done
        ''} ${lib.concatStringsSep " " (lib.mapAttrsToList (name: form: "${name} ${form}") cfg.generated)}";
      };
    };
  };
}
