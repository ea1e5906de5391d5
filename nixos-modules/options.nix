# The options of the program itself.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.veza;
  roles = import ./roles.nix;
  toml = pkgs.formats.toml { };
  schema = import ./schema.nix { inherit lib; };
  sparse = schema.sparse cfg.settings;

  # The program's optional parts; each has a section of its own in the settings.
  features = lib.filter (feature: sparse.storage.${feature} or { } != { }) (
    import ./features.nix { inherit lib; }
  );

  # What a secret belongs to cannot be checked without it.
  placeholders = lib.concatMapStringsSep " " (
    key: "VEZA_${lib.replaceStrings [ "." ] [ "__" ] (lib.toUpper key)}=placeholder"
  ) (lib.filter schema.isWord (lib.attrNames cfg.secrets));

  limit =
    default: example: description:
    lib.mkOption {
      type = lib.types.nullOr (lib.types.either lib.types.ints.unsigned lib.types.str);
      inherit default example description;
    };

  limits = defaults: {
    cpuWeight = limit (defaults.cpuWeight or null
    ) 200 "Share of the processor under contention, from 1 to 10000.";
    ioWeight = limit (defaults.ioWeight or null
    ) 200 "Share of the disk under contention, from 1 to 10000.";
    memoryHigh = limit (defaults.memoryHigh or null
    ) "2G" "Memory above which processes are slowed down.";
    memoryMax = limit (defaults.memoryMax or null) "3G" "Memory above which processes are killed.";
    tasksMax = limit (defaults.tasksMax or null) 4096 "Threads and processes.";
  };
in
{
  options.services.veza = {
    enable = lib.mkEnableOption "Veza, the backend of a multi-tenant SaaS";

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ../nix/package.nix { inherit (cfg) features; };
      defaultText = lib.literalMD "the program, with the features that the settings take";
      example = lib.literalExpression ''veza.packages.x86_64-linux.veza.override { features = [ "s3" ]; }'';
      description = "The program to run.";
    };

    features = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      readOnly = true;
      description = "Optional parts of the program that the settings take, such as `s3`.";
    };

    checkConfig = lib.mkOption {
      type = lib.types.bool;
      default = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;
      defaultText = lib.literalMD "whether the builder can run the program";
      description = "Whether to run `veza config check` on the settings while the system is built.";
    };

    settings = lib.mkOption {
      description = ''
        The configuration of Veza; see its [reference](configuration.md). Unknown keys and impossible
        values fail the build. Everything here can be read by everybody: secrets go into
        {option}`services.veza.secrets`.
      '';
      default = { };
      example = lib.literalExpression ''
        {
          web.public_url = "https://api.example.com";
          tenant.mail.from = "Acme <no-reply@example.com>";
        }
      '';
      type = lib.types.submodule {
        # What the schema does not know, `veza config check` judges.
        freeformType = toml.type;
        inherit (schema) options;
      };
    };

    secrets = lib.mkOption {
      # No paths: Nix would copy a secret into the store.
      type = lib.types.attrsOf lib.types.str;
      default = { };
      example = {
        "tenant.root_secret" = "/run/secrets/veza/root_secret";
        "tenant.mail.smtp_url" = "/run/secrets/veza/smtp_url";
      };
      description = ''
        Files with secrets, by the key of the configuration that they are for: ${
          lib.concatMapStringsSep ", " (key: "`${key}`") schema.secrets
        }. systemd reads them as root and hands them to the units that need them (LoadCredential); the
        files must not be in the Nix store.
      '';
    };

    generateRootSecret = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether to make the root secret on the first start, below `/var/lib/veza-secrets`. Back it up:
        losing it signs everybody out. Only for a deployment with one application node.
      '';
    };

    oneProcess = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether one process, `veza.service`, does the work of all enabled roles.";
    };

    migrate = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = ''
        Whether this node migrates the database before its processes start. After an update, running
        processes go on until the migration has succeeded and are restarted then; if it fails they stay.
      '';
    };

    limits = limits { };

    roles = lib.mapAttrs (
      name: role:
      {
        enable = lib.mkOption {
          type = lib.types.bool;
          default = role.default or true;
          description = "Whether this node has the role `${name}`: ${role.description}.";
        };
        limits = limits role.limits;
        adminAddress = lib.mkOption {
          type = lib.types.str;
          default = "127.0.0.1:${toString role.adminPort}";
          description = "Where health, readiness and metrics of this role are served, for operators only.";
        };
      }
      // lib.optionalAttrs (role.serves or false) {
        listen = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default =
            if role ? beside && cfg.roles.api.enable && !cfg.oneProcess then
              [ role.beside ]
            else
              cfg.settings.web.listen;
          defaultText = lib.literalMD (
            "`settings.web.listen`"
            + lib.optionalString (role ? beside) ", or beside the API of the same node `[ \"${role.beside}\" ]`"
          );
          description = "Where this role serves HTTP, for the edge.";
        };
      }
    ) roles;

    configText = lib.mkOption {
      type = lib.types.lines;
      readOnly = true;
      internal = true;
      description = "The configuration: the settings that are not the program's own defaults.";
    };

    configFile = lib.mkOption {
      type = lib.types.path;
      readOnly = true;
      description = "The checked configuration file.";
    };
  };

  config.services.veza = {
    inherit features;
    configText = import ./toml.nix { inherit lib; } sparse;

    configFile =
      if cfg.checkConfig then
        pkgs.runCommand "veza.toml" { inherit (cfg) configText; } ''
          printf %s "$configText" > $out
          env -i ${placeholders} ${lib.getExe cfg.package} --config $out config check
        ''
      else
        pkgs.writeText "veza.toml" cfg.configText;
  };
}
