# A node to try: `nix run .#vm` answers at http://127.0.0.1:8080, without nginx and certificates.
{
  modulesPath,
  vezaModules,
  ...
}:
{
  imports = [
    vezaModules.single-node
    (modulesPath + "/virtualisation/qemu-vm.nix")
  ];
  networking.hostName = "veza-local";
  services.veza = {
    edge.enable = false;
    oneProcess = true;
    roles.stream.enable = true;
    settings = {
      web.listen = [ "0.0.0.0:8080" ];
      # Media reaches it as the host does.
      stream.media.announce = [ "127.0.0.1" ];
    };
  };
  networking.firewall.allowedTCPPorts = [ 8080 ];
  services.getty.autologinUser = "root";
  virtualisation = {
    memorySize = 2048;
    graphics = false;
    forwardPorts =
      let
        forward = proto: port: {
          from = "host";
          inherit proto;
          host = {
            address = "127.0.0.1";
            inherit port;
          };
          guest.port = port;
        };
      in
      [
        (forward "tcp" 8080)
        (forward "udp" 7882)
        (forward "tcp" 7882)
      ];
  };
}
