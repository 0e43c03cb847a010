// Sends Ethernet frames through an interface, or takes those that an XDP
// program gives to an AF_XDP socket. Node has sockets of neither family.
//
// Makes the pair of interfaces that Debian 12's `ip` does not know, too.
//
// Usage: frames send INTERFACE COUNT
//        frames take INTERFACE COMMAND...
//        frames netkit INTERFACE PEER
//   send: frames of the type for experiments, 0x88b5
//   take: runs COMMAND with the socket, bound to the first queue, as descriptor
//   3,
//         until that ends; prints how many frames came by then
//   netkit: makes the two, which are up, until one of them is deleted
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  kFrames = 64,
  kFrameBytes = 4096,
  kForExperiments = 0x88b5,
  kPassed = 3
};

static void check(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "frames: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void send_frames(unsigned interface, int count) {
  struct sockaddr_ll to = {.sll_family = AF_PACKET,
                           .sll_ifindex = (int)interface};
  unsigned char frame[ETH_ZLEN];
  struct ethhdr *header = (struct ethhdr *)frame;
  int fd = socket(AF_PACKET, SOCK_RAW, 0);

  check(fd >= 0, "socket");
  memset(frame, 0xff, sizeof(frame));
  header->h_proto = htons(kForExperiments);
  while (count-- > 0)
    check(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to,
                 sizeof(to)) == sizeof(frame),
          "sendto");
}

/* Makes the ring that a socket option is for, with all rings as large. */
static void *map_ring(int fd, int option, off_t at,
                      const struct xdp_ring_offset *offset) {
  int count = kFrames;
  void *ring;

  check(setsockopt(fd, SOL_XDP, option, &count, sizeof(count)) == 0, "a ring");
  if (!offset) return NULL;
  ring = mmap(NULL, offset->desc + kFrames * sizeof(struct xdp_desc),
              PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, at);
  check(ring != MAP_FAILED, "mmap of a ring");
  return ring;
}

static void take_frames(unsigned interface, char **command) {
  struct sockaddr_xdp address = {
      .sxdp_family = AF_XDP,
      .sxdp_flags = XDP_COPY,
      .sxdp_ifindex = interface,
  };
  struct xdp_mmap_offsets offsets;
  socklen_t size = sizeof(offsets);
  struct xdp_umem_reg memory = {.len = kFrames * kFrameBytes,
                                .chunk_size = kFrameBytes};
  void *frames = mmap(NULL, memory.len, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int fd = socket(AF_XDP, SOCK_RAW, 0);
  uint32_t *received;
  void *fill, *taken;
  int status;
  pid_t child;

  check(frames != MAP_FAILED, "mmap");
  check(fd >= 0, "socket");
  memory.addr = (uintptr_t)frames;
  check(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &memory, sizeof(memory)) == 0,
        "its memory");
  check(getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) == 0,
        "its rings");
  map_ring(fd, XDP_UMEM_COMPLETION_RING, 0, NULL);
  fill =
      map_ring(fd, XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, &offsets.fr);
  taken = map_ring(fd, XDP_RX_RING, XDP_PGOFF_RX_RING, &offsets.rx);
  received = (uint32_t *)((char *)taken + offsets.rx.producer);
  for (int i = 0; i < kFrames; i++)
    ((uint64_t *)((char *)fill + offsets.fr.desc))[i] =
        (uint64_t)i * kFrameBytes;
  __atomic_store_n((uint32_t *)((char *)fill + offsets.fr.producer), kFrames,
                   __ATOMIC_RELEASE);
  check(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");

  child = fork();
  check(child >= 0, "fork");
  if (child == 0) {
    if (fd != kPassed) check(dup2(fd, kPassed) == kPassed, "dup2");
    execvp(command[0], command);
    check(0, command[0]);
  }
  check(waitpid(child, &status, 0) == child, "waitpid");
  printf("%u\n", __atomic_load_n(received, __ATOMIC_ACQUIRE));
  exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

struct request {
  struct nlmsghdr header;
  struct ifinfomsg about;
  char attributes[256];
};

/* Begins an attribute, whose size end() knows. */
static struct rtattr *begin(struct request *request, int type, const void *data,
                            size_t size) {
  struct rtattr *attribute =
      (struct rtattr *)((char *)request +
                        NLMSG_ALIGN(request->header.nlmsg_len));

  attribute->rta_type = (unsigned short)type;
  if (size > 0) memcpy(RTA_DATA(attribute), data, size);
  request->header.nlmsg_len =
      (unsigned)((char *)attribute - (char *)request + RTA_LENGTH(size));
  attribute->rta_len = RTA_LENGTH(size);
  return attribute;
}

static void end(struct request *request, struct rtattr *attribute) {
  attribute->rta_len =
      (unsigned short)((char *)request + request->header.nlmsg_len -
                       (char *)attribute);
}

static void set_up(int fd, const char *name) {
  struct ifreq interface = {.ifr_flags = IFF_UP};

  strncpy(interface.ifr_name, name, IFNAMSIZ - 1);
  check(ioctl(fd, SIOCSIFFLAGS, &interface) == 0, name);
}

static void make_netkit(const char *name, const char *peer) {
  const int peer_info = 1; /* IFLA_NETKIT_PEER_INFO, of Linux 6.7 */
  struct ifinfomsg about_peer = {.ifi_family = AF_UNSPEC};
  struct request request = {
      .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                 .nlmsg_type = RTM_NEWLINK,
                 .nlmsg_flags =
                     NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL},
  };
  struct {
    struct nlmsghdr header;
    struct nlmsgerr error;
    char rest[512];
  } answer;
  struct rtattr *info, *data, *of_peer;
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

  check(fd >= 0, "socket");
  begin(&request, IFLA_IFNAME, name, strlen(name) + 1);
  info = begin(&request, IFLA_LINKINFO, NULL, 0);
  begin(&request, IFLA_INFO_KIND, "netkit", 6);
  data = begin(&request, IFLA_INFO_DATA, NULL, 0);
  of_peer = begin(&request, peer_info, &about_peer, sizeof(about_peer));
  begin(&request, IFLA_IFNAME, peer, strlen(peer) + 1);
  end(&request, of_peer);
  end(&request, data);
  end(&request, info);
  check(send(fd, &request, request.header.nlmsg_len, 0) ==
            (ssize_t)request.header.nlmsg_len,
        "send to netlink");
  check(recv(fd, &answer, sizeof(answer), 0) > 0, "recv from netlink");
  errno = -answer.error.error;
  check(errno == 0, "make a netkit device");
  close(fd);
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  check(fd >= 0, "socket");
  set_up(fd, name);
  set_up(fd, peer);
}

int main(int argc, char **argv) {
  unsigned interface = argc < 4 ? 0 : if_nametoindex(argv[2]);

  if (argc == 4 && strcmp(argv[1], "netkit") == 0) {
    make_netkit(argv[2], argv[3]);
    return 0;
  }
  check(interface > 0,
        "Usage: frames send INTERFACE COUNT | take INTERFACE COMMAND... | "
        "netkit INTERFACE PEER");
  if (strcmp(argv[1], "send") == 0)
    send_frames(interface, atoi(argv[3]));
  else
    take_frames(interface, argv + 3);
  return 0;
}
