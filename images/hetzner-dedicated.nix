# A dedicated machine of Hetzner: two disks as a mirror. IPv6 is static there: say
# `systemd.network.networks."10-uplink".address`.
{
  imports = [ ./disks/mirror.nix ];
  networking.useNetworkd = true;
  systemd.network.networks."10-uplink" = {
    matchConfig.Type = "ether";
    networkConfig.DHCP = "ipv4";
    routes = [ { Gateway = "fe80::1"; } ];
  };
  hardware.enableRedistributableFirmware = true;
}
