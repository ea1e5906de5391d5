# A virtual machine of Hetzner Cloud: one disk, an address by DHCP.
{
  imports = [ ./disks/single.nix ];
  networking.useDHCP = true;
}
