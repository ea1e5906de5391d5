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
  stream = {
    description = "live sound and pictures, and the HTTP API that begins sessions there";
    # Media needs a port that peers reach: who wants it says so.
    default = false;
    sockets = settings: { http = settings.web.listen; };
    adminPort = 9103;
    limits = {
      cpuWeight = 400;
      ioWeight = 100;
      memoryHigh = "40%";
      memoryMax = "50%";
      tasksMax = 1024;
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
