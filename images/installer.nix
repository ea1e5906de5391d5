# An ISO that installs a node without a network: its whole system is on it. `veza-install /dev/sda keys`
# erases the disk and lets the owners of the keys (a file like `authorized_keys`) in as root.
{
  nixpkgs,
  lib,
  pkgs,
  node,
}:
let
  inherit
    ((node.extendModules {
      modules = [
        {
          fileSystems."/boot" = {
            device = "/dev/disk/by-label/ESP";
            fsType = "vfat";
            options = [ "umask=0077" ];
          };
        }
      ];
    }).config.system.build
    )
    toplevel
    ;
  install = pkgs.writeShellApplication {
    name = "veza-install";
    runtimeInputs = [
      pkgs.parted
      pkgs.dosfstools
      pkgs.e2fsprogs
      pkgs.util-linux
    ];
    text = ''
      disk=''${1:?"usage: veza-install DISK KEYS"} keys=''${2:?"usage: veza-install DISK KEYS"}
      [ -s "$keys" ] || { echo "veza-install: $keys holds no keys" >&2; exit 1; }
      read -r -p "Everything on $disk will be lost. Write its name again: " again
      [ "$again" = "$disk" ] || { echo "veza-install: nothing was done" >&2; exit 1; }
      wipefs --all "$disk"
      parted --script "$disk" -- mklabel gpt \
        mkpart ESP fat32 1MiB 513MiB set 1 esp on mkpart nixos 513MiB 100%
      udevadm settle
      mkfs.vfat -F 32 -n ESP "/dev/disk/by-partlabel/ESP"
      mkfs.ext4 -F -L nixos "/dev/disk/by-partlabel/nixos"
      mount "/dev/disk/by-partlabel/nixos" /mnt
      mkdir -p /mnt/boot
      mount -o umask=0077 "/dev/disk/by-partlabel/ESP" /mnt/boot
      nixos-install --root /mnt --system ${toplevel} --no-root-passwd --no-channel-copy
      install -D -m 600 "$keys" /mnt/root/.ssh/authorized_keys
      umount -R /mnt
    '';
  };
in
(import (nixpkgs + "/nixos/lib/eval-config.nix") {
  system = null;
  modules = [
    (nixpkgs + "/nixos/modules/installer/cd-dvd/installation-cd-minimal.nix")
    {
      nixpkgs.pkgs = pkgs;
      environment.systemPackages = [ install ];
      isoImage.storeContents = [ toplevel ];
      system.stateVersion = lib.mkForce "26.05";
    }
  ];
}).config.system.build.isoImage
