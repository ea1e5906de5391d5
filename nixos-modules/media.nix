# Live media: its port, and what it takes of the machine. Sessions begin over HTTP, through the edge; sound
# and pictures then come from anywhere, and past the edge.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.veza;
  inherit (cfg.settings.stream) media;
  # The program tells peers the addresses that it is told, else those that it listens on.
  isSomewhere = address: address != "0.0.0.0" && address != "::";
  buffer = 4 * 1024 * 1024;
in
{
  config = lib.mkIf (cfg.enable && cfg.roles.stream.enable) {
    assertions = [
      {
        assertion = media.announce != [ ] || lib.any isSomewhere media.listen;
        message = "services.veza.settings.stream.media.announce is empty: name the addresses at which publishers and viewers reach this node's port ${toString media.port}; the sandbox cannot ask the system for them.";
      }
      {
        assertion = media.port != 0;
        message = "services.veza.settings.stream.media.port must not be 0: the firewall opens the port that is named.";
      }
    ];

    networking.firewall = {
      allowedUDPPorts = [ media.port ];
      # For networks that let nothing else through.
      allowedTCPPorts = lib.optional media.tcp media.port;
    };

    # What the program asks of the kernel for each socket; by default it gives a twentieth.
    boot.kernel.sysctl = {
      "net.core.rmem_max" = lib.mkDefault buffer;
      "net.core.wmem_max" = lib.mkDefault buffer;
    };
  };
}
