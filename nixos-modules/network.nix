# What nodes offer each other, on the network between them and on no other.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.veza;
  isLoopback =
    address:
    lib.any (start: lib.hasPrefix start address) [
      "127."
      "[::1]"
      "localhost"
    ];
  port = address: lib.toInt (lib.last (lib.splitString ":" address));
in
{
  options.services.veza = {
    privateInterface = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "enp7s0";
      description = ''
        The interface of the network between the nodes. What this node offers to others (the API to an
        edge, measurements, PostgreSQL, the object store, logs, traces) is opened in the firewall there.
        With null nothing is opened but what {option}`services.veza.edge` serves.
      '';
    };
    privateAddresses = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      internal = true;
      description = "Addresses that other nodes use, with their ports; those of loopback are no such.";
    };
  };

  config.networking.firewall.interfaces = lib.mkIf (cfg.privateInterface != null) {
    ${cfg.privateInterface}.allowedTCPPorts = lib.unique (
      map port (lib.filter (address: !isLoopback address) cfg.privateAddresses)
    );
  };
}
