# What every node does to be observed: it sends its journal, and offers measurements of the machine.
{
  config,
  lib,
  ...
}:
let
  inherit (config.services) veza;
  cfg = veza.observability;
  hardening = import ../hardening.nix;
  ports = import ./ports.nix;
  local = config.services.postgresql.enable && veza.database.createLocally;
in
{
  options.services.veza.observability = {
    ship = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "http://10.0.0.20:3100";
      description = ''
        Where this node's journal goes: the address of a Loki. On the observing node it is its own. Works
        without {option}`services.veza.observability.enable`.
      '';
    };
    export = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "10.0.0.11";
      description = "The address on which this node offers measurements of the machine and of its PostgreSQL to others.";
    };
  };

  config = lib.mkMerge [
    (lib.mkIf (cfg.ship != null) {
      services.alloy.enable = true;
      environment.etc."alloy/config.alloy".text = ''
        loki.source.journal "journal" {
          max_age       = "12h"
          relabel_rules = loki.relabel.journal.rules
          forward_to    = [loki.write.loki.receiver]
        }
        loki.relabel "journal" {
          forward_to = []
          rule {
            source_labels = ["__journal__systemd_unit"]
            target_label  = "unit"
          }
          rule {
            source_labels = ["__journal__hostname"]
            target_label  = "host"
          }
        }
        loki.write "loki" {
          endpoint {
            url = "${cfg.ship}/loki/api/v1/push"
          }
        }
      '';
      services.alloy.extraFlags = [ "--disable-reporting" ];
      # The journal belongs to a group that a namespace of users would not know.
      systemd.services.alloy.serviceConfig = hardening.daemon lib [
        "PrivateUsers"
        "UMask"
      ] { Slice = "veza.slice"; };
    })

    (lib.mkIf (cfg.export != null) {
      services.veza.privateAddresses = [
        "${cfg.export}:${toString ports.node}"
      ]
      ++ lib.optional local "${cfg.export}:${toString ports.postgres}";
      services.prometheus.exporters = {
        node = {
          enable = true;
          listenAddress = cfg.export;
          port = ports.node;
          # Which units failed.
          enabledCollectors = [ "systemd" ];
        };
        postgres = lib.mkIf local {
          enable = true;
          listenAddress = cfg.export;
          port = ports.postgres;
          runAsLocalSuperUser = true;
        };
      };
      systemd.services = {
        # It looks at the whole machine.
        prometheus-node-exporter.serviceConfig = hardening.daemon lib [ "ProcSubset" ] {
          RestrictAddressFamilies = [
            "AF_UNIX"
            "AF_INET"
            "AF_INET6"
            "AF_NETLINK"
          ];
        };
        prometheus-postgres-exporter = lib.mkIf local { serviceConfig = hardening.daemon lib [ ] { }; };
      };
    })
  ];
}
