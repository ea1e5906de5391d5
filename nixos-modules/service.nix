# Veza as a modular service: `system.services.<name> = { imports = [ … ]; veza = { … }; }`. It brings a
# process with its sandbox; database, users and migration are the caller's. `services.veza` brings all.
{
  config,
  lib,
  options,
  ...
}:
let
  cfg = config.veza;
  hardening = import ./hardening.nix;
  table = import ./roles.nix;
  variable = key: "VEZA_${lib.replaceStrings [ "." ] [ "__" ] (lib.toUpper key)}_FILE";
in
{
  _class = "service";

  options.veza = {
    package = lib.mkOption {
      type = lib.types.package;
      description = "The program to run.";
    };
    configFile = lib.mkOption {
      type = lib.types.path;
      description = "Its configuration.";
    };
    roles = lib.mkOption {
      type = lib.types.listOf (lib.types.enum (lib.attrNames table));
      default = lib.attrNames (lib.filterAttrs (_: role: role.default or true) table);
      description = "What the process does.";
    };
    secrets = lib.mkOption {
      type = lib.types.attrsOf lib.types.str;
      default = { };
      description = "Files with secrets, by the key of the configuration that they are for.";
    };
  };

  config = {
    process.argv = [
      (lib.getExe cfg.package)
      "serve"
      "--role"
      (lib.concatStringsSep "," cfg.roles)
    ];
  }
  // lib.optionalAttrs (options ? systemd) {
    systemd.service = {
      description = "Veza: ${lib.concatMapStringsSep ", " (role: table.${role}.description) cfg.roles}";
      after = [ "network-online.target" ];
      wants = [ "network-online.target" ];
      stopIfChanged = false;
      environment = {
        VEZA_CONFIG = cfg.configFile;
      }
      // lib.mapAttrs' (key: _: lib.nameValuePair (variable key) "%d/${key}") cfg.secrets;
      serviceConfig = hardening.strict // {
        Type = "notify";
        DynamicUser = true;
        # For `storage.directory` and `stream.record.directory` below /var/lib/veza.
        StateDirectory = "veza";
        StateDirectoryMode = "0700";
        LoadCredential = lib.mapAttrsToList (key: file: "${key}:${file}") cfg.secrets;
        WatchdogSec = 30;
        TimeoutStartSec = 120;
        TimeoutStopSec = 40;
        Restart = "on-failure";
        LimitNOFILE = 262144;
      };
    };
  };
}
