// guard.h: one line and an end where a mapped file is cut short while it is read, in place of a bare SIGBUS.
#pragma once

#if defined(_WIN32)  // where no file in use can be cut short
#include <string>
#include <vector>

namespace guard {
struct File {
  std::string path, message;
  long long size;
};
inline void begin(std::vector<File>, std::string) {}
inline void end() {}
}  // namespace guard
#else
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

namespace guard {

struct File {
  std::string path, message;
  off_t size;
};

// Written before the handler is there, and only read by it. Never freed: a signal may come while the process ends.
inline std::vector<File>* files = nullptr;
inline std::string* otherwise = nullptr;
inline struct sigaction before;
inline std::atomic_flag told = ATOMIC_FLAG_INIT;  // lock-free: several threads may read the same file

inline void say(const std::string& message) {
  const char* text = message.data();
  size_t left = message.size();
  while (left > 0) {
    const ssize_t written = write(2, text, left);
    if (written <= 0) return;
    text += written;
    left -= size_t(written);
  }
}

// Calls stat, write and _exit, which are safe in a handler. Any thread may be in any lock here.
inline void on_bus_error(int) {
  if (told.test_and_set())
    for (;;) pause();  // another thread is telling, and ends the process
  for (const File& file : *files) {
    struct stat now;
    if (stat(file.path.c_str(), &now) == 0 && now.st_size < file.size) {
      say(file.message);
      _exit(1);
    }
  }
  say(*otherwise);
  _exit(1);
}

inline void begin(std::vector<File> given, std::string general) {
  files = new std::vector<File>(std::move(given));
  otherwise = new std::string(std::move(general));
  struct sigaction action = {};
  action.sa_handler = on_bus_error;
  sigemptyset(&action.sa_mask);
  struct sigaction was;
  if (sigaction(SIGBUS, &action, &was) == 0 && was.sa_handler != on_bus_error) before = was;
}

inline void end() { sigaction(SIGBUS, &before, nullptr); }

}  // namespace guard
#endif
