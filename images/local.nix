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
    settings.web.listen = [ "0.0.0.0:8080" ];
  };
  networking.firewall.allowedTCPPorts = [ 8080 ];
  services.getty.autologinUser = "root";
  virtualisation = {
    memorySize = 2048;
    graphics = false;
    forwardPorts = [
      {
        from = "host";
        host.address = "127.0.0.1";
        host.port = 8080;
        guest.port = 8080;
      }
    ];
  };
}
