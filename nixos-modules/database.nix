# PostgreSQL: on this node, for this node's processes or for those of others; or elsewhere, and then the
# settings or secrets of Veza say where.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.veza.database;
  migrate = config.services.veza.migrate;
  pool = config.services.veza.settings.database.pool or { };
  hardening = import ./hardening.nix;

  roles = [
    "veza_owner"
    "veza_app"
    "veza_jobs"
    "veza_system"
  ];
  served = lib.remove "veza_owner" roles;
  list = lib.concatStringsSep ", ";
  quoted = ''"${cfg.name}"'';

  # As `veza migrate --admin-url` does it, and what belongs to this node beside it.
  sql = pkgs.writeText "veza-database.sql" (
    ''
      \set ON_ERROR_STOP on
      SET log_statement = 'none';
      ALTER DATABASE ${quoted} OWNER TO veza_owner;
      REVOKE CONNECT, TEMPORARY ON DATABASE ${quoted} FROM PUBLIC;
      GRANT CONNECT ON DATABASE ${quoted} TO ${list served};
      ALTER ROLE veza_app RESET ALL;
    ''
    + lib.optionalString cfg.pooler.enable ''
      -- A pooler hands transactions to sessions in which Veza has set nothing.
      ALTER ROLE veza_app SET statement_timeout = '${pool.statement_timeout or "5s"}';
      ALTER ROLE veza_app SET lock_timeout = '${pool.lock_timeout or "2s"}';
      ALTER ROLE veza_app SET timezone = 'UTC';
    ''
    + lib.concatStrings (
      lib.mapAttrsToList (role: _: ''
        \set password `cat "$CREDENTIALS_DIRECTORY/${role}"`
        ALTER ROLE ${role} PASSWORD :'password';
      '') cfg.network.passwords
    )
  );

  socket = "/run/postgresql";
  url = role: "postgresql://${role}@/${cfg.name}?host=${socket}";
in
{
  options.services.veza.database = {
    createLocally = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether PostgreSQL runs on this node, with the roles that Veza needs. The kernel vouches for the
        users of its socket (peer authentication); there are no passwords. Without it, name a database in
        {option}`services.veza.settings.database.url` or, if the URL has a password, in
        {option}`services.veza.secrets`.
      '';
    };

    name = lib.mkOption {
      type = lib.types.strMatching "[a-z_][a-z0-9_]*";
      default = "veza";
      description = "The name of the database.";
    };

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.postgresql_17;
      defaultText = lib.literalExpression "pkgs.postgresql_17";
      description = "Which PostgreSQL. It is named here so that no update of NixOS changes its major version.";
    };

    pooler = {
      enable = lib.mkOption {
        type = lib.types.bool;
        default = false;
        description = ''
          Whether transactions of tenants go through a PgBouncer on this node. What needs a session of its
          own (migrations, LISTEN) and sign-in do not.
        '';
      };
      size = lib.mkOption {
        type = lib.types.ints.positive;
        default = 20;
        description = "Connections that the pooler keeps to PostgreSQL.";
      };
      maxClients = lib.mkOption {
        type = lib.types.ints.positive;
        default = 1000;
        description = "Connections that the pooler accepts.";
      };
    };

    network = {
      enable = lib.mkOption {
        type = lib.types.bool;
        default = false;
        description = "Whether other nodes may use this node's PostgreSQL, over TLS and with passwords (SCRAM).";
      };
      clients = lib.mkOption {
        type = lib.types.listOf lib.types.str;
        default = [ ];
        example = [ "10.0.0.0/24" ];
        description = "Networks of the nodes that may.";
      };
      certificate = lib.mkOption {
        type = lib.types.str;
        example = "/var/lib/secrets/postgresql.crt";
        description = "File with the certificate, in PEM.";
      };
      key = lib.mkOption {
        type = lib.types.str;
        example = "/var/lib/secrets/postgresql.key";
        description = "File with its key; read by systemd, so root's alone.";
      };
      passwords = lib.mkOption {
        type = lib.types.attrsOf lib.types.str;
        default = { };
        example = {
          veza_app = "/run/secrets/veza_app";
        };
        description = "Files with the passwords of roles, set on each start.";
      };
    };
  };

  config = lib.mkIf cfg.createLocally {
    assertions = [
      {
        assertion = cfg.network.enable -> cfg.network.clients != [ ];
        message = "services.veza.database.network.clients is empty: nobody could use the database.";
      }
      {
        assertion = lib.all (role: lib.elem role roles) (lib.attrNames cfg.network.passwords);
        message = "services.veza.database.network.passwords: the roles are ${list roles}.";
      }
      {
        assertion =
          !lib.any (lib.hasPrefix builtins.storeDir) (
            lib.attrValues cfg.network.passwords ++ lib.optional cfg.network.enable cfg.network.key
          );
        message = "services.veza.database.network: passwords and key must not be files in the Nix store, which everybody can read.";
      }
    ];

    services.veza.settings.database = {
      url = lib.mkDefault (
        if cfg.pooler.enable then
          "postgresql://veza_app@/${cfg.name}?host=/run/pgbouncer&port=6432"
        else
          url "veza_app"
      );
      system_url = lib.mkIf cfg.pooler.enable (lib.mkDefault (url "veza_system"));
      jobs_url = lib.mkIf cfg.pooler.enable (lib.mkDefault (url "veza_jobs"));
    };

    services.postgresql = {
      enable = true;
      package = lib.mkOverride 900 cfg.package;
      enableTCPIP = cfg.network.enable;
      ensureDatabases = [ cfg.name ];
      ensureUsers = map (name: { inherit name; }) roles;
      authentication = lib.mkBefore (
        ''
          local ${cfg.name} ${list roles} peer map=veza
        ''
        + lib.optionalString cfg.network.enable (
          lib.concatMapStrings (client: ''
            hostssl ${cfg.name} ${list roles} ${client} scram-sha-256
          '') cfg.network.clients
          # Without TLS not even from loopback, which nixpkgs' own lines let in.
          + ''
            host ${cfg.name} ${list roles} all reject
          ''
        )
      );
      # Who serves cannot migrate.
      identMap =
        lib.concatMapStrings (role: ''
          veza veza ${role}
        '') served
        + lib.optionalString migrate ''
          veza veza-migrate veza_owner
        ''
        + lib.optionalString cfg.pooler.enable ''
          veza pgbouncer veza_app
        '';
      settings = lib.mkMerge [
        {
          # Veza knows time-outs and deadlocks by their English text.
          lc_messages = "C";
          # The connections of all processes, twice during a restart.
          max_connections = lib.mkDefault 200;
          password_encryption = "scram-sha-256";
        }
        (lib.mkIf cfg.network.enable {
          ssl = true;
          ssl_min_protocol_version = "TLSv1.3";
          ssl_cert_file = "/run/credentials/postgresql.service/certificate";
          ssl_key_file = "/run/credentials/postgresql.service/key";
        })
      ];
    };

    services.veza.privateAddresses = lib.optional cfg.network.enable "*:${toString config.services.postgresql.settings.port}";

    services.pgbouncer = lib.mkIf cfg.pooler.enable {
      enable = true;
      settings = {
        databases.${cfg.name} = "host=${socket}";
        pgbouncer = {
          auth_type = "hba";
          auth_hba_file = toString (
            pkgs.writeText "pgbouncer-hba" ''
              local ${cfg.name} veza_app peer map=veza
            ''
          );
          auth_ident_file = toString (
            pkgs.writeText "pgbouncer-ident" ''
              veza veza veza_app
            ''
          );
          # It wants to know its users; there are no passwords.
          auth_file = toString (
            pkgs.writeText "pgbouncer-users" ''
              "veza_app" ""
            ''
          );
          pool_mode = "transaction";
          default_pool_size = cfg.pooler.size;
          max_client_conn = cfg.pooler.maxClients;
          max_prepared_statements = 500;
        };
      };
    };

    systemd.services = {
      veza-database = {
        description = "Veza: ownership and rights of the database";
        wantedBy = [ "multi-user.target" ];
        requires = [ "postgresql.target" ];
        after = [ "postgresql.target" ];
        before = lib.optional migrate "veza-migrate.service";
        path = [ cfg.package ];
        serviceConfig = hardening.offline // {
          Type = "oneshot";
          RemainAfterExit = true;
          User = "postgres";
          Group = "postgres";
          Slice = "veza.slice";
          LoadCredential = lib.mapAttrsToList (role: file: "${role}:${file}") cfg.network.passwords;
          ExecStart = "${lib.getExe' cfg.package "psql"} --no-psqlrc --quiet --dbname=postgres --file=${sql}";
        };
      };
      veza-migrate = lib.mkIf (config.services.veza.enable && migrate) {
        after = [ "veza-database.service" ];
        wants = [ "veza-database.service" ];
        environment.VEZA_DATABASE__OWNER_URL = url "veza_owner";
      };

      postgresql.serviceConfig = lib.mkIf cfg.network.enable {
        LoadCredential = [
          "certificate:${cfg.network.certificate}"
          "key:${cfg.network.key}"
        ];
      };
      # The script asks systemd, over a Unix socket, whether PostgreSQL still runs.
      postgresql-setup.serviceConfig = hardening.daemon lib [ ] {
        PrivateNetwork = true;
        RestrictAddressFamilies = [ "AF_UNIX" ];
        # It runs `initialScript` and removes a marker in the data directory.
        ReadWritePaths = [ config.services.postgresql.dataDir ];
      };
      pgbouncer = lib.mkIf cfg.pooler.enable {
        after = [ "postgresql.target" ];
        wants = [ "postgresql.target" ];
        # In a namespace of its own it would take every client for `nobody`. Its socket is for others.
        serviceConfig = hardening.daemon lib [ "PrivateUsers" ] { UMask = "0022"; };
      };
    };
  };
}
