# The units: one per role, or one for all of them, and the migration that they wait for.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.veza;
  table = import ./roles.nix;
  hardening = import ./hardening.nix;
  veza = lib.getExe cfg.package;
  systemctl = lib.getExe' config.systemd.package "systemctl";

  enabled = lib.filter (name: cfg.roles.${name}.enable) (lib.attrNames table);

  processes =
    if cfg.oneProcess then
      {
        veza = {
          roles = enabled;
          slice = "veza";
          admin = cfg.roles.${lib.head enabled}.adminAddress;
        };
      }
    else
      lib.listToAttrs (
        map (
          name:
          lib.nameValuePair "veza-${name}" {
            roles = [ name ];
            slice = "veza-${name}";
            admin = cfg.roles.${name}.adminAddress;
          }
        ) enabled
      );

  # The sockets that systemd holds, by the name that the program knows them by.
  sockets =
    process:
    let
      serving = lib.filter (role: table.${role}.serves or false) process.roles;
      http = lib.unique (lib.concatMap (role: cfg.roles.${role}.listen) serving);
    in
    lib.optionalAttrs (http != [ ]) { inherit http; };

  # Where a process writes: files of tenants, and recordings until they are stored.
  inherit (cfg.settings) storage stream;
  hasMedia = process: lib.any (role: table.${role}.media or false) process.roles;
  written =
    process:
    lib.optional (storage.directory != null) storage.directory
    ++ lib.optional (hasMedia process) stream.record.directory;
  isState = lib.hasPrefix "/var/lib/";

  # The units of sockets, by the name of the process: the one of clients bears its name.
  socketUnits = lib.concatMapAttrs (
    unit: process:
    lib.mapAttrs' (
      name: addresses:
      lib.nameValuePair (if name == "http" then unit else "${unit}-${name}") {
        inherit unit name addresses;
      }
    ) (sockets process // { admin = [ process.admin ]; })
  ) processes;

  socketsOf =
    unit:
    map (name: "${name}.socket") (
      lib.attrNames (lib.filterAttrs (_: socket: socket.unit == unit) socketUnits)
    );

  isOwners = key: key == "database.owner_url";
  ofMigration = key: isOwners key || key == "database.url";

  # Credentials, and the variables that tell the program where they are.
  credentials = wanted: {
    serviceConfig.LoadCredential = lib.mapAttrsToList (key: file: "${key}:${file}") (
      lib.filterAttrs (key: _: wanted key) cfg.secrets
    );
    environment = lib.mapAttrs' (
      key: _:
      lib.nameValuePair "VEZA_${lib.replaceStrings [ "." ] [ "__" ] (lib.toUpper key)}_FILE" "%d/${key}"
    ) (lib.filterAttrs (key: _: wanted key) cfg.secrets);
  };

  seconds = import ./period.nix { inherit lib; };
  stopSeconds = seconds cfg.settings.server.drain_notice + seconds cfg.settings.server.drain_timeout;

  ownService =
    unit: process:
    lib.mkMerge [
      (credentials (key: !isOwners key))
      {
        description = "Veza: ${
          lib.concatMapStringsSep ", " (role: table.${role}.description) process.roles
        }";
        documentation = [ "https://github.com/veza-dev/veza" ];
        wantedBy = [ "multi-user.target" ];
        requires = socketsOf unit;
        after = [ "network-online.target" ] ++ socketsOf unit ++ waited;
        wants = [ "network-online.target" ] ++ waited;
        environment.VEZA_CONFIG = cfg.configFile;
        # A stop of the unit by `nixos-rebuild switch` would close its sockets as well.
        stopIfChanged = false;
        # The migration restarts it, when it has succeeded.
        restartIfChanged = !cfg.migrate;
        unitConfig = {
          # A database that is away or a schema that is behind can last: there is no giving up.
          StartLimitIntervalSec = 0;
        }
        // lib.optionalAttrs (written process != [ ]) { RequiresMountsFor = written process; };
        serviceConfig =
          hardening.strict
          // {
            Type = "notify";
            NotifyAccess = "main";
            ExecStart = "${veza} serve --role ${lib.concatStringsSep "," process.roles}";
            User = "veza";
            Group = "veza";
            Slice = "${process.slice}.slice";
            WatchdogSec = 30;
            # It waits a minute for its database.
            TimeoutStartSec = 120;
            TimeoutStopSec = stopSeconds + 9;
            Restart = "on-failure";
            RestartSec = 1;
            RestartSteps = 6;
            RestartMaxDelaySec = 30;
            # A socket for each connection, and a WebSocket stays.
            LimitNOFILE = 262144;
          }
          // lib.optionalAttrs (lib.any isState (written process)) {
            StateDirectory = map (lib.removePrefix "/var/lib/") (lib.filter isState (written process));
            StateDirectoryMode = "0700";
          }
          // lib.optionalAttrs (!lib.all isState (written process)) {
            ReadWritePaths = lib.filter (path: !isState path) (written process);
          };
      }
    ];

  waited =
    lib.optional cfg.migrate "veza-migrate.service"
    ++ lib.optional (cfg.generateRootSecret || cfg.storage.createLocally) "veza-secrets.service";

  migration = lib.mkMerge [
    (credentials ofMigration)
    {
      description = "Veza: migration of the database";
      documentation = [ "https://github.com/veza-dev/veza" ];
      wantedBy = [ "multi-user.target" ];
      after = [ "network-online.target" ];
      wants = [ "network-online.target" ];
      environment.VEZA_CONFIG = cfg.configFile;
      # What runs goes on while this does: wanted, not required, and restarted in one step.
      stopIfChanged = false;
      restartTriggers = map (unit: config.systemd.units."${unit}.service".text) (lib.attrNames processes);
      unitConfig.StartLimitIntervalSec = 0;
      serviceConfig = hardening.strict // {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "${veza} migrate";
        # Also what a unit of the last generation still runs. Of units that do not run, none is started.
        ExecStartPost = "+${systemctl} --no-block try-restart ${
          lib.concatMapStringsSep " " (unit: "${unit}.service") (lib.attrNames processes)
        }";
        User = "veza-migrate";
        Group = "veza-migrate";
        Slice = "veza.slice";
        # A large table takes its time.
        TimeoutStartSec = "infinity";
        Restart = "on-failure";
        RestartSec = 2;
        RestartSteps = 6;
        RestartMaxDelaySec = 60;
      };
    }
  ];

  slice = description: limits: {
    inherit description;
    sliceConfig = lib.filterAttrs (_: value: value != null) {
      CPUWeight = limits.cpuWeight;
      IOWeight = limits.ioWeight;
      MemoryHigh = limits.memoryHigh;
      MemoryMax = limits.memoryMax;
      TasksMax = limits.tasksMax;
    };
  };

  # The program with the configuration and the secrets of the units, for operators.
  admin = pkgs.writeShellScriptBin "veza-admin" ''
    exec ${lib.getExe' config.systemd.package "systemd-run"} --quiet --collect --wait --pipe \
      --uid=veza --gid=veza --slice=veza.slice \
      ${
        lib.concatMapStringsSep " " (
          credential: "--property=LoadCredential=${lib.escapeShellArg credential}"
        ) (credentials (key: !isOwners key)).serviceConfig.LoadCredential
      } \
      -- ${pkgs.runtimeShell} -c ${lib.escapeShellArg ''
        export VEZA_CONFIG=${cfg.configFile}
        ${
          lib.concatStrings (
            lib.mapAttrsToList (name: value: ''
              export ${name}="$CREDENTIALS_DIRECTORY"${lib.removePrefix "%d" value}
            '') (credentials (key: !isOwners key)).environment
          )
        }exec ${veza} "$@"
      ''} veza-admin "$@"
  '';
in
{
  config = lib.mkIf cfg.enable {
    users.users.veza = {
      description = "Veza";
      isSystemUser = true;
      group = "veza";
    };
    users.groups.veza = { };
    users.users.veza-migrate = lib.mkIf cfg.migrate {
      description = "Veza, migration of the database";
      isSystemUser = true;
      group = "veza-migrate";
    };
    users.groups.veza-migrate = lib.mkIf cfg.migrate { };

    environment.systemPackages = [
      cfg.package
      admin
    ];

    services.veza.privateAddresses = lib.concatMap (socket: socket.addresses) (
      lib.attrValues socketUnits
    );
    services.veza.generated = lib.mkIf cfg.generateRootSecret { root_secret = "base64"; };
    services.veza.secrets = lib.mkIf cfg.generateRootSecret {
      "tenant.root_secret" = "/var/lib/veza-secrets/root_secret";
    };

    systemd.services = lib.mapAttrs ownService processes // {
      veza-migrate = lib.mkIf cfg.migrate migration;
    };

    systemd.sockets = lib.mapAttrs (_: socket: {
      description = "Veza: socket ${socket.name} of ${socket.unit}";
      wantedBy = [ "sockets.target" ];
      listenStreams = socket.addresses;
      socketConfig = {
        Service = "${socket.unit}.service";
        FileDescriptorName = socket.name;
        Backlog = 4096;
        NoDelay = true;
      };
    }) socketUnits;

    systemd.slices = {
      veza = slice "Veza" cfg.limits;
    }
    // lib.optionalAttrs (!cfg.oneProcess) (
      lib.listToAttrs (
        map (
          name:
          lib.nameValuePair "veza-${name}" (
            slice "Veza: ${table.${name}.description}" cfg.roles.${name}.limits
          )
        ) enabled
      )
    );
  };
}
