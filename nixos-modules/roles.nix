# What a process of Veza can do. Units, sockets, slices, containers and scrape targets follow from this
# table: a new role is an entry here.
{
  api = {
    description = "the HTTP API";
    # The sockets that systemd holds, named for FileDescriptorName=, by the settings.
    sockets = settings: { http = settings.web.listen; };
    # Health, readiness and metrics of this role.
    adminPort = 9101;
    limits = {
      cpuWeight = 200;
      ioWeight = 200;
      memoryHigh = "60%";
      memoryMax = "70%";
      tasksMax = 4096;
    };
  };
  worker = {
    description = "what runs beside requests";
    sockets = _settings: { };
    adminPort = 9102;
    limits = {
      cpuWeight = 50;
      ioWeight = 50;
      memoryHigh = "25%";
      memoryMax = "35%";
      tasksMax = 1024;
    };
  };
}
