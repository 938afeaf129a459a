/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking packets: a ring that the kernel fills and a thread that empties it
 * (packet(7), TPACKET_V3 of Documentation/networking/packet_mmap.rst).
 *
 *	kernel ─► block 0 │ block 1 │ ... │ block n-1 ─┐   a block is handed
 *	            ▲                                  │   over when it is full
 *	            └──────── given back ◄── thread ───┘   or 10 ms old
 *	                                       │
 *	                                       ▼
 *	                              temporary file without a name
 *
 * The file has no name from the beginning, so that nothing is left of it
 * however the program ends.
 */
#include "capture_i.h"

#include "nwb/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_BYTES (1u << 20) /* holds several packets of 64 KiB */
#define BLOCKS	    64u
#define RETIRE_MS   10
#define GRACE_MS    50 /* without a new block: everything is here */
#define FILE_BUFFER (1u << 20)

struct nwb_capture {
	char *path;
	char *about;
	char *password; /* may be empty */
	char iface[16]; /* IFNAMSIZ */
	uint16_t port;
	bool is_9p;
	int fd;
	int stop_fd;
	uint8_t *ring;
	unsigned int nr_blocks;
	FILE *raw;
	int raw_error; /* of the thread: the disk is full, ... */
	int64_t real_minus_mono;
	pthread_t thread;
	bool has_thread;
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

/* Between two readings of one clock lies the other's: the middle is it. */
static int64_t clock_shift(void)
{
	uint64_t a = clock_ns(CLOCK_MONOTONIC);
	uint64_t real = clock_ns(CLOCK_REALTIME);
	uint64_t b = clock_ns(CLOCK_MONOTONIC);

	return (int64_t)(real - (a + (b - a) / 2));
}

/* --- the thread ------------------------------------------------------------
 */

static void take_block(struct nwb_capture *c, struct tpacket_block_desc *b)
{
	const uint8_t *p = (const uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;

	for (uint32_t i = 0; i < b->hdr.bh1.num_pkts; i++) {
		const struct tpacket3_hdr *h = (const void *)p;
		struct cap_pkt out = {
			.t_ns = h->tp_sec * NWB_SEC + h->tp_nsec,
			.len = h->tp_snaplen,
			.orig_len = h->tp_len,
		};

		if (!c->raw_error &&
		    (fwrite(&out, sizeof(out), 1, c->raw) != 1 ||
		     (out.len &&
		      fwrite(p + h->tp_mac, out.len, 1, c->raw) != 1)))
			c->raw_error = errno ? -errno : -EIO;
		p += h->tp_next_offset;
	}
}

/* An error of the socket (lo went down) stays until it is read, and until then
 * poll() does not wait. */
static void forget_error(const struct nwb_capture *c)
{
	socklen_t len = sizeof(int);
	int err;

	(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
}

static void *pump(void *arg)
{
	struct nwb_capture *c = arg;
	struct pollfd pfd[2] = {{c->fd, POLLIN | POLLERR, 0},
				{c->stop_fd, POLLIN, 0}};
	unsigned int at = 0;
	bool is_stopping = false;

	for (;;) {
		struct tpacket_block_desc *b =
			(void *)(c->ring + (size_t)at * BLOCK_BYTES);

		if (__atomic_load_n(&b->hdr.bh1.block_status,
				    __ATOMIC_ACQUIRE) &
		    TP_STATUS_USER) {
			take_block(c, b);
			__atomic_store_n(&b->hdr.bh1.block_status,
					 TP_STATUS_KERNEL, __ATOMIC_RELEASE);
			at = (at + 1) % c->nr_blocks;
			continue;
		}
		if (poll(pfd, is_stopping ? 1 : 2,
			 is_stopping ? GRACE_MS : -1) == 0)
			return NULL;
		if (!is_stopping && pfd[1].revents)
			is_stopping = true;
		if (pfd[0].revents & POLLERR)
			forget_error(c);
	}
}

/* --- setting up ------------------------------------------------------------
 */

/*
 * On lo every packet leaves and arrives. It is taken when it leaves: there the
 * segments of a connection are in the order of its socket. On arrival two CPUs
 * may have turned them round, which TCP repairs and a reader must guess.
 */
static int take_outgoing(struct nwb_capture *c, struct nwb_err *err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
			 (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, CAP_SNAPLEN),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = {NWB_ARRAY_SIZE(code), code};

	if (setsockopt(c->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
		       sizeof(prog)))
		return nwb_err_set(err, -errno, "capture: filter: %s",
				   nwb_errno_name(errno));
	return 0;
}

static int make_ring(struct nwb_capture *c, struct nwb_err *err)
{
	struct tpacket_req3 req = {
		.tp_block_size = BLOCK_BYTES,
		.tp_frame_size = 2048, /* a unit of account only */
		.tp_retire_blk_tov = RETIRE_MS,
	};
	int v3 = TPACKET_V3, rc;
	void *p;

	if (setsockopt(c->fd, SOL_PACKET, PACKET_VERSION, &v3, sizeof(v3)))
		return nwb_err_set(err, -errno, "capture: TPACKET_V3: %s",
				   nwb_errno_name(errno));
	for (c->nr_blocks = BLOCKS; c->nr_blocks >= 4; c->nr_blocks /= 2) {
		req.tp_block_nr = c->nr_blocks;
		req.tp_frame_nr = c->nr_blocks * (BLOCK_BYTES / 2048);
		if (!setsockopt(c->fd, SOL_PACKET, PACKET_RX_RING, &req,
				sizeof(req)))
			break;
	}
	rc = -errno;
	if (c->nr_blocks < 4)
		return nwb_err_set(err, rc, "capture: no memory for a ring: %s",
				   nwb_errno_name(rc));
	p = mmap(NULL, (size_t)c->nr_blocks * BLOCK_BYTES,
		 PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (p == MAP_FAILED)
		return nwb_err_set(err, -errno, "capture: map the ring: %s",
				   nwb_errno_name(errno));
	c->ring = p;
	return 0;
}

/* The socket is of the run's namespace, and so are the interfaces it sees. */
static int bind_iface(struct nwb_capture *c, const char *iface,
		      struct nwb_err *err)
{
	struct ifreq ifr = {0};
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
	};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", iface);
	if (ioctl(c->fd, SIOCGIFINDEX, &ifr))
		return nwb_err_set(err, -errno, "capture: %s: %s", iface,
				   nwb_errno_name(errno));
	to.sll_ifindex = ifr.ifr_ifindex;
	if (bind(c->fd, (struct sockaddr *)&to, sizeof(to)))
		return nwb_err_set(err, -errno, "capture: bind to %s: %s",
				   iface, nwb_errno_name(errno));
	return 0;
}

char *cap_temp_name(const char *path)
{
	size_t size = strlen(path) + 8;
	char *name = nwb_alloc(size);

	if (name)
		snprintf(name, size, "%s.XXXXXX", path);
	return name;
}

static int open_raw(struct nwb_capture *c, struct nwb_err *err)
{
	char *name = cap_temp_name(c->path);
	struct stat st;
	int fd, rc;

	if (!name)
		return nwb_err_set(err, -ENOMEM, "capture: no memory");
	if (!stat(c->path, &st) && !S_ISREG(st.st_mode)) {
		nwb_free(name);
		return nwb_err_set(err, -EINVAL, "%s: not a regular file",
				   c->path);
	}
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0) {
		rc = nwb_err_set(err, -errno, "%s: cannot be written: %s",
				 c->path, nwb_errno_name(errno));
		nwb_free(name);
		return rc;
	}
	unlink(name);
	nwb_free(name);
	c->raw = fdopen(fd, "w+e");
	if (!c->raw) {
		close(fd);
		return nwb_err_set(err, -ENOMEM, "capture: no memory");
	}
	setvbuf(c->raw, NULL, _IOFBF, FILE_BUFFER);
	return 0;
}

static int start_thread(struct nwb_capture *c, struct nwb_err *err)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&c->thread, NULL, pump, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return nwb_err_set(err, -rc, "capture: start a thread: %s",
				   nwb_errno_name(rc));
	c->has_thread = true;
	return 0;
}

static char *copy_of(const char *s)
{
	size_t size = strlen(s) + 1;
	char *p = nwb_alloc(size);

	return p ? memcpy(p, s, size) : NULL;
}

int nwb_capture_start(const struct nwb_capture_opts *opts,
		      struct nwb_capture **ret_c, struct nwb_err *err)
{
	struct nwb_capture *c = nwb_zalloc(sizeof(*c));
	int rc = 0;

	if (!c)
		return nwb_err_set(err, -ENOMEM, "capture: no memory");
	c->fd = c->stop_fd = -1;
	c->port = opts->port;
	c->is_9p = opts->is_9p;
	snprintf(c->iface, sizeof(c->iface), "%s",
		 opts->iface ? opts->iface : "lo");
	c->real_minus_mono = clock_shift();
	c->path = copy_of(opts->path);
	c->about = copy_of(opts->about ? opts->about : "");
	c->password = copy_of(opts->password ? opts->password : "");
	if (!c->path || !c->about || !c->password)
		rc = nwb_err_set(err, -ENOMEM, "capture: no memory");
	if (!rc) {
		c->fd = fcntl(opts->packet_fd, F_DUPFD_CLOEXEC, 3);
		c->stop_fd = eventfd(0, EFD_CLOEXEC);
		if (c->fd < 0 || c->stop_fd < 0)
			rc = nwb_err_set(err, -errno, "capture: %s",
					 nwb_errno_name(errno));
	}
	if (!rc)
		rc = open_raw(c, err);
	if (!rc)
		rc = opts->iface ? 0 : take_outgoing(c, err);
	if (!rc)
		rc = make_ring(c, err);
	if (!rc)
		rc = bind_iface(c, c->iface, err);
	if (!rc)
		rc = start_thread(c, err);
	if (rc) {
		nwb_capture_free(c);
		return rc;
	}
	*ret_c = c;
	return 0;
}

/* --- the end ---------------------------------------------------------------
 */

static void stop(struct nwb_capture *c)
{
	uint64_t one = 1;

	if (!c->has_thread)
		return;
	if (write(c->stop_fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
		pthread_join(c->thread, NULL);
	c->has_thread = false;
}

/* Reading resets the counter, so it is read once. */
static uint64_t count_drops(const struct nwb_capture *c)
{
	struct tpacket_stats_v3 st = {0};
	socklen_t len = sizeof(st);

	if (getsockopt(c->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len))
		return 0;
	return st.tp_drops;
}

static int map_raw(struct nwb_capture *c, struct cap_packets *ret,
		   struct nwb_err *err)
{
	struct stat st;
	void *p;

	if (fflush(c->raw) && !c->raw_error)
		c->raw_error = -errno;
	if (c->raw_error)
		return nwb_err_set(err, c->raw_error,
				   "%s: packets could not be kept: %s", c->path,
				   nwb_errno_name(c->raw_error));
	if (fstat(fileno(c->raw), &st))
		return nwb_err_set(err, -errno, "%s: %s", c->path,
				   nwb_errno_name(errno));
	*ret = (struct cap_packets){0};
	if (!st.st_size)
		return 0;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE,
		 fileno(c->raw), 0);
	if (p == MAP_FAILED)
		return nwb_err_set(err, -errno, "capture: map the packets: %s",
				   nwb_errno_name(errno));
	ret->data = p;
	ret->len = (size_t)st.st_size;
	return 0;
}

static int write_file(const struct cap_job *job, const char *path,
		      struct nwb_capture_stats *st, struct nwb_err *err)
{
	char *name = cap_temp_name(path);
	int fd = name ? mkostemp(name, O_CLOEXEC) : -1, rc = 0;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "we");

	if (!f) {
		rc = nwb_err_set(err, name ? -errno : -ENOMEM,
				 "%s: cannot be written: %s", path,
				 nwb_errno_name(name ? errno : ENOMEM));
		if (fd >= 0) {
			close(fd);
			unlink(name);
		}
		nwb_free(name);
		return rc;
	}
	setvbuf(f, NULL, _IOFBF, FILE_BUFFER);
	cap_write(job, f, st);
	rc = ferror(f) ? -EIO : 0;
	if (fclose(f))
		rc = -errno;
	if (!rc && rename(name, path))
		rc = -errno;
	if (rc) {
		unlink(name);
		nwb_err_set(err, rc, "%s: cannot be written: %s", path,
			    nwb_errno_name(rc));
	}
	nwb_free(name);
	return rc;
}

int nwb_capture_finish(struct nwb_capture *c, const struct nwb_capture_notes *n,
		       struct nwb_capture_stats *ret_stats, struct nwb_err *err)
{
	struct nwb_capture_stats st;
	struct cap_job job = {
		.notes = n,
		.port = c->port,
		.is_9p = c->is_9p,
		.about = c->about[0] ? c->about : NULL,
		.iface = c->iface,
		.real_minus_mono = c->real_minus_mono,
	};
	int rc;

	stop(c);
	job.drops = count_drops(c);
	rc = map_raw(c, &job.packets, err);
	if (rc)
		return rc;
	rc = write_file(&job, c->path, &st, err);
	if (job.packets.len)
		munmap((void *)(uintptr_t)job.packets.data, job.packets.len);
	if (!rc)
		rc = cap_write_keys(c->path, st.encrypted ? c->password : "",
				    err);
	if (!rc && ret_stats)
		*ret_stats = st;
	return rc;
}

void nwb_capture_free(struct nwb_capture *c)
{
	if (!c)
		return;
	stop(c);
	if (c->ring)
		munmap(c->ring, (size_t)c->nr_blocks * BLOCK_BYTES);
	if (c->raw)
		fclose(c->raw);
	if (c->fd >= 0)
		close(c->fd);
	if (c->stop_fd >= 0)
		close(c->stop_fd);
	nwb_free(c->path);
	nwb_free(c->about);
	nwb_free(c->password);
	nwb_free(c);
}
