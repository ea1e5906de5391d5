# What every node has: a way in for operators, clocks that agree, and as little else as possible.
{
  lib,
  modulesPath,
  ...
}:
{
  imports = [ (modulesPath + "/profiles/qemu-guest.nix") ];

  # Images and disk layouts bring their own; these let a node be evaluated alone.
  fileSystems."/" = lib.mkDefault {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };
  boot.loader.systemd-boot.enable = lib.mkDefault true;
  boot.loader.grub.enable = lib.mkDefault false;

  services.openssh = {
    enable = lib.mkDefault true;
    settings = {
      PasswordAuthentication = false;
      KbdInteractiveAuthentication = false;
      PermitRootLogin = "prohibit-password";
    };
  };
  # Nobody can sign in until `users.users.root.openssh.authorizedKeys.keys` names a key.
  networking.firewall.enable = true;
  # Limits and revocations are compared across nodes by their clocks.
  services.timesyncd.enable = lib.mkDefault true;
  time.timeZone = lib.mkDefault "UTC";
  services.journald.extraConfig = "SystemMaxUse=1G";

  documentation.enable = lib.mkDefault false;
  programs.command-not-found.enable = lib.mkDefault false;
  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];
  system.stateVersion = lib.mkDefault "26.05";
}
