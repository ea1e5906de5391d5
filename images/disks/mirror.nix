# Two disks that hold the same (RAID 1). The boot partition has its twin, which the firmware can take.
let
  disk = device: boot: {
    type = "disk";
    inherit device;
    content = {
      type = "gpt";
      partitions = {
        boot = {
          size = "1G";
          type = "EF00";
          content = {
            type = "filesystem";
            format = "vfat";
            mountpoint = boot;
            mountOptions = [
              "umask=0077"
              "nofail"
            ];
          };
        };
        mirror = {
          size = "100%";
          content = {
            type = "mdraid";
            name = "root";
          };
        };
      };
    };
  };
in
{
  disko.devices = {
    disk = {
      first = disk "/dev/nvme0n1" "/boot";
      second = disk "/dev/nvme1n1" "/boot-second";
    };
    mdadm.root = {
      type = "mdadm";
      level = 1;
      content = {
        type = "filesystem";
        format = "ext4";
        mountpoint = "/";
      };
    };
  };
  # Who is told of a disk that fails.
  boot.swraid.mdadmConf = "MAILADDR root";
  boot.loader.systemd-boot.extraInstallCommands = ''
    if mountpoint -q /boot-second; then cp -rT /boot /boot-second; fi
  '';
}
