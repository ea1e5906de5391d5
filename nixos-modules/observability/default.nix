# Prometheus, Alertmanager, Grafana, Loki and Tempo on one node.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  veza = config.services.veza;
  cfg = veza.observability;
  hardening = import ../hardening.nix;
  local = config.services.postgresql.enable && veza.database.createLocally;
  enabled = lib.filterAttrs (_: role: role.enable) veza.roles;
  own = lib.mapAttrs (_: role: [ role.adminAddress ]) (
    if veza.oneProcess then
      lib.filterAttrs (name: _: name == lib.head (lib.attrNames enabled)) enabled
    else
      enabled
  );
  loopback = port: "127.0.0.1:${toString port}";
  url = port: "http://${loopback port}";
  ports = import ./ports.nix;
  rulesIn =
    directory:
    map (name: directory + "/${name}") (
      lib.filter (lib.hasSuffix ".yaml") (lib.attrNames (builtins.readDir directory))
    );
  job = name: targets: {
    job_name = name;
    static_configs = [ { inherit targets; } ];
  };
in
{
  imports = [ ./node.nix ];

  options.services.veza.observability = {
    enable = lib.mkEnableOption "the observation of Veza from this node";

    otlpAddress = lib.mkOption {
      type = lib.types.str;
      default = "127.0.0.1:4317";
      description = "Where Tempo takes traces over OTLP/gRPC.";
    };
    lokiAddress = lib.mkOption {
      type = lib.types.str;
      default = "127.0.0.1";
      description = "The address on which Loki takes logs, of other nodes' Alloy too.";
    };
    targets = lib.mkOption {
      type = lib.types.attrsOf (lib.types.listOf lib.types.str);
      default = { };
      example = {
        api = [ "10.0.0.11:9101" ];
      };
      description = "Processes of Veza to measure, by role. Those of this node are there already.";
    };
    nodes = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "10.0.0.11:9100" ];
      description = "Node exporters of other nodes.";
    };
    probes = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "https://api.example.com/.well-known/jwks.json" ];
      description = ''
        URLs that are asked for every minute, as clients do: whether they answer, and how long their certificate
        holds. That of this node's edge is there already.
      '';
    };
    retention = lib.mkOption {
      type = lib.types.str;
      default = "30d";
      description = "How long measurements and logs are kept. Traces are kept a week.";
    };
    rules = lib.mkOption {
      type = lib.types.listOf lib.types.path;
      default = [ ./rules ];
      defaultText = lib.literalMD "those of Veza";
      example = lib.literalExpression "[ ./prometheus ]";
      description = "Directories with files (`*.yaml`) of Prometheus' rules.";
    };
    dashboards = lib.mkOption {
      type = lib.types.attrsOf lib.types.path;
      default = {
        Veza = ./dashboards;
      };
      defaultText = lib.literalMD "those of Veza";
      example = lib.literalExpression "{ Shop = ./grafana; }";
      description = "Directories with dashboards (`*.json`), by the name of their folder in Grafana.";
    };
    alertmanager = lib.mkOption {
      type = (pkgs.formats.json { }).type;
      default = {
        route.receiver = "none";
        receivers = [ { name = "none"; } ];
      };
      description = "Whom Alertmanager tells. The default shows alerts and tells nobody.";
    };
    grafana = {
      domain = lib.mkOption {
        type = lib.types.str;
        default = "localhost";
        description = "The name under which Grafana is reached. It listens on loopback: use a tunnel, or a proxy of your own.";
      };
      adminPassword = lib.mkOption {
        type = lib.types.str;
        default = "/var/lib/veza-secrets/grafana_admin";
        description = "File with the password of Grafana's `admin`; the default is made on the first start.";
      };
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = !lib.hasPrefix builtins.storeDir cfg.grafana.adminPassword;
        message = "services.veza.observability.grafana.adminPassword must not be a file in the Nix store, which everybody can read.";
      }
    ];

    services.veza = {
      privateAddresses = [
        cfg.otlpAddress
        "${cfg.lokiAddress}:${toString ports.loki}"
      ];
      generated = {
        grafana_key = "hex";
        grafana_admin = "hex";
      };
      observability = {
        targets = lib.mkIf veza.enable own;
        probes = lib.optional veza.edge.enable "https://${veza.edge.domain}/.well-known/jwks.json";
        ship = lib.mkDefault "http://${cfg.lokiAddress}:${toString ports.loki}";
        export = lib.mkDefault "127.0.0.1";
        nodes = [ "${cfg.export}:${toString ports.node}" ];
      };
      settings.telemetry.otlp_endpoint = lib.mkIf veza.enable (lib.mkDefault "http://${cfg.otlpAddress}");
    };

    services.prometheus = {
      enable = true;
      listenAddress = "127.0.0.1";
      port = ports.prometheus;
      retentionTime = cfg.retention;
      globalConfig.scrape_interval = "15s";
      scrapeConfigs =
        lib.mapAttrsToList (role: targets: job "veza-${role}" targets) cfg.targets
        ++ [
          (job "node" cfg.nodes)
          (job "prometheus" [ (loopback ports.prometheus) ])
        ]
        ++ lib.optional local (job "postgres" [ "${cfg.export}:${toString ports.postgres}" ])
        ++ lib.optional (cfg.probes != [ ]) (
          job "probe" cfg.probes
          // {
            metrics_path = "/probe";
            params.module = [ "http_2xx" ];
            scrape_interval = "60s";
            # The exporter is asked, about what is called the instance.
            relabel_configs = [
              {
                source_labels = [ "__address__" ];
                target_label = "__param_target";
              }
              {
                source_labels = [ "__param_target" ];
                target_label = "instance";
              }
              {
                target_label = "__address__";
                replacement = loopback ports.blackbox;
              }
            ];
          }
        );
      exporters.blackbox = lib.mkIf (cfg.probes != [ ]) {
        enable = true;
        listenAddress = "127.0.0.1";
        port = ports.blackbox;
        configFile = pkgs.writeText "blackbox.json" (
          builtins.toJSON {
            modules.http_2xx = {
              prober = "http";
              timeout = "10s";
            };
          }
        );
      };
      ruleFiles = lib.concatMap rulesIn cfg.rules;
      alertmanagers = [ { static_configs = [ { targets = [ (loopback ports.alertmanager) ]; } ]; } ];
      alertmanager = {
        enable = true;
        listenAddress = "127.0.0.1";
        port = ports.alertmanager;
        configuration = cfg.alertmanager;
        # Alone, it needs no peers.
        extraFlags = [ "--cluster.listen-address=" ];
      };
    };

    services.loki = {
      enable = true;
      configuration = {
        auth_enabled = false;
        analytics.reporting_enabled = false;
        server = {
          http_listen_address = cfg.lokiAddress;
          http_listen_port = ports.loki;
          grpc_listen_address = "127.0.0.1";
        };
        common = {
          path_prefix = config.services.loki.dataDir;
          replication_factor = 1;
          ring = {
            instance_addr = "127.0.0.1";
            kvstore.store = "inmemory";
          };
          storage.filesystem = {
            chunks_directory = "${config.services.loki.dataDir}/chunks";
            rules_directory = "${config.services.loki.dataDir}/rules";
          };
        };
        schema_config.configs = [
          {
            from = "2026-01-01";
            store = "tsdb";
            object_store = "filesystem";
            schema = "v13";
            index = {
              prefix = "index_";
              period = "24h";
            };
          }
        ];
        limits_config.retention_period = cfg.retention;
        compactor = {
          working_directory = "${config.services.loki.dataDir}/compactor";
          retention_enabled = true;
          delete_request_store = "filesystem";
        };
      };
    };

    services.tempo = {
      enable = true;
      settings = {
        usage_report.reporting_enabled = false;
        server = {
          http_listen_address = "127.0.0.1";
          http_listen_port = ports.tempo;
          grpc_listen_address = "127.0.0.1";
          grpc_listen_port = 9096;
        };
        distributor.receivers.otlp.protocols.grpc.endpoint = cfg.otlpAddress;
        compactor.compaction.block_retention = "168h";
        storage.trace = {
          backend = "local";
          local.path = "/var/lib/tempo/blocks";
          wal.path = "/var/lib/tempo/wal";
        };
      };
    };

    services.grafana = {
      enable = true;
      settings = {
        server = {
          http_addr = "127.0.0.1";
          http_port = ports.grafana;
          inherit (cfg.grafana) domain;
        };
        analytics = {
          reporting_enabled = false;
          check_for_updates = false;
        };
        users.allow_sign_up = false;
        "auth.anonymous".enabled = false;
        security = {
          admin_password = "$__file{/run/credentials/grafana.service/admin}";
          secret_key = "$__file{/run/credentials/grafana.service/key}";
          cookie_samesite = "strict";
        };
      };
      provision = {
        enable = true;
        datasources.settings.datasources = [
          {
            name = "Prometheus";
            uid = "prometheus";
            type = "prometheus";
            url = url ports.prometheus;
            isDefault = true;
          }
          {
            name = "Loki";
            uid = "loki";
            type = "loki";
            url = "http://${cfg.lokiAddress}:${toString ports.loki}";
          }
          {
            name = "Tempo";
            uid = "tempo";
            type = "tempo";
            url = url ports.tempo;
            jsonData.tracesToLogsV2.datasourceUid = "loki";
          }
          {
            name = "Alertmanager";
            uid = "alertmanager";
            type = "alertmanager";
            url = url ports.alertmanager;
            jsonData.implementation = "prometheus";
          }
        ];
        dashboards.settings.providers = lib.mapAttrsToList (name: directory: {
          inherit name;
          folder = name;
          options.path = directory;
        }) cfg.dashboards;
      };
    };

    systemd.services = {
      prometheus.serviceConfig = hardening.daemon lib [ "UMask" ] { Slice = "veza.slice"; };
      prometheus-blackbox-exporter = lib.mkIf (cfg.probes != [ ]) {
        serviceConfig = hardening.daemon lib [ ] { Slice = "veza.slice"; };
      };
      alertmanager.serviceConfig = hardening.daemon lib [ "UMask" ] { Slice = "veza.slice"; };
      loki.serviceConfig = hardening.daemon lib [ "UMask" ] {
        ReadWritePaths = [ config.services.loki.dataDir ];
        Slice = "veza.slice";
      };
      tempo.serviceConfig = hardening.daemon lib [ "UMask" ] { Slice = "veza.slice"; };
      grafana = {
        requires = [ "veza-secrets.service" ];
        after = [ "veza-secrets.service" ];
        serviceConfig = hardening.daemon lib [ "UMask" ] {
          LoadCredential = [
            "admin:${cfg.grafana.adminPassword}"
            "key:/var/lib/veza-secrets/grafana_key"
          ];
          ReadWritePaths = [ config.services.grafana.dataDir ];
          Slice = "veza.slice";
        };
      };
    };
  };
}
