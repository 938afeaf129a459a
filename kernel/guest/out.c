/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's end of the channel.
 *
 * Everything that is sent goes through one lock, under which the number is
 * drawn and the bytes are written: the order of the stream is the order of the
 * numbers. write(2) of a serial line or a virtio port returns when the host has
 * it or is about to; what a dying guest loses of it is
 * nwb_machine_power_loss()' concern.
 *
 * The state is in shared memory: when the worker is killed, pid 1 goes on with
 * the next number. Hence the robust lock.
 *
 * The beat comes from a thread that touches no file system. When it stops the
 * kernel, or the machine, hangs; when only the worker's records stop, an
 * operation does.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define BEAT_NS	 200000000L
#define GOES_MAX 64

struct out {
	pthread_mutex_t lock;
	uint64_t seq;
	uint8_t frame[NWB_CHAN_FRAME_MAX];
	_Atomic uint32_t seen;
	_Atomic bool is_broken;
};

static struct out *out;
static int chan = -1;

/* What the host has said; of the process that listens. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t news;
	char go[GOES_MAX][NWB_CHAN_NAME_MAX + 1];
	unsigned int nr;
	bool is_stopped;
} told = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.news = PTHREAD_COND_INITIALIZER,
};

int out_init(int fd)
{
	pthread_mutexattr_t ma;
	struct termios tio;

	/* A serial line must neither echo nor translate. */
	if (isatty(fd) && !tcgetattr(fd, &tio)) {
		cfmakeraw(&tio);
		tio.c_cflag |= CLOCAL | CREAD;
		if (tcsetattr(fd, TCSANOW, &tio))
			return -errno;
	}
	out = mmap(NULL, sizeof(*out), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (out == MAP_FAILED)
		return -errno;
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&out->lock, &ma);
	pthread_mutexattr_destroy(&ma);
	chan = fd;
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static void write_all(const uint8_t *p, size_t len)
{
	while (len && !atomic_load(&out->is_broken)) {
		ssize_t n = write(chan, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			usleep(1000);
		} else if (n == 0 || errno != EINTR) {
			/* Nobody listens: there is nobody to tell. */
			atomic_store(&out->is_broken, true);
		}
	}
}

void out_rec(enum nwb_chan_type type, const void *payload, size_t len)
{
	struct nwb_chan_rec rec = {
		.type = type,
		.payload = payload,
		.len = (uint32_t)len,
	};
	size_t n;

	if (pthread_mutex_lock(&out->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&out->lock);
	rec.seq = ++out->seq;
	rec.ns = now_ns();
	rec.seen = atomic_load(&out->seen);
	n = nwb_chan_put(&rec, out->frame);
	write_all(out->frame, n);
	pthread_mutex_unlock(&out->lock);
}

void out_op(enum nwb_chan_type type, const struct nwb_chan_op *op)
{
	uint8_t buf[128];

	out_rec(type, buf, nwb_chan_put_op(op, buf));
}

void out_say(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out_rec(NWB_CHAN_SAY, text,
		nwb_min((size_t)nwb_max(n, 0), sizeof(text) - 1));
}

void out_done(int rc, uint32_t failed, const char *text)
{
	struct nwb_chan_done done = {.rc = rc, .failed = failed};
	uint8_t buf[512];

	snprintf(done.text, sizeof(done.text), "%s", text);
	out_rec(NWB_CHAN_DONE, buf, nwb_chan_put_done(&done, buf));
	if (isatty(chan))
		tcdrain(chan);
}

/* Files of /proc have no size: read until they end. */
int out_file(const char *path)
{
	uint8_t buf[8192];
	size_t head = strlen(path) + 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (head > NWB_CHAN_NAME_MAX) {
		close(fd);
		return -ENAMETOOLONG;
	}
	memcpy(buf, path, head);
	do {
		n = read(fd, buf + head, sizeof(buf) - head);
		if (n >= 0)
			out_rec(NWB_CHAN_STAT, buf, head + (size_t)n);
	} while (n > 0);
	close(fd);
	return n < 0 ? -errno : 0;
}

/* --- what the host says --------------------------------------------------- */

static void obey(const struct nwb_chan_rec *rec)
{
	char order[NWB_CHAN_NAME_MAX + 1];
	uint32_t nr;

	switch (rec->type) {
	case NWB_CHAN_ECHO:
		if (rec->len != 4)
			break;
		nr = rec->payload[0] | (uint32_t)rec->payload[1] << 8 |
		     (uint32_t)rec->payload[2] << 16 |
		     (uint32_t)rec->payload[3] << 24;
		atomic_store(&out->seen, nr);
		break;
	case NWB_CHAN_GO:
		pthread_mutex_lock(&told.lock);
		if (told.nr < GOES_MAX &&
		    !nwb_chan_get_name(rec, told.go[told.nr]))
			told.nr++;
		pthread_cond_broadcast(&told.news);
		pthread_mutex_unlock(&told.lock);
		break;
	case NWB_CHAN_FUSE:
		if (!nwb_chan_get_name(rec, order))
			fuse_order(order);
		break;
	case NWB_CHAN_STOP:
		pthread_mutex_lock(&told.lock);
		told.is_stopped = true;
		pthread_cond_broadcast(&told.news);
		pthread_mutex_unlock(&told.lock);
		break;
	default:
		break;
	}
}

static void *listen_loop(void *arg)
{
	static struct nwb_chan_parser parser;
	struct nwb_chan_rec rec;
	uint8_t *at;
	ssize_t n;

	(void)arg;
	while (!atomic_load(&out->is_broken)) {
		size_t room = nwb_chan_room(&parser, &at);

		n = read(chan, at, room);
		if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
			usleep(1000);
			continue;
		}
		if (n <= 0)
			break;
		nwb_chan_fed(&parser, (size_t)n);
		while (nwb_chan_next(&parser, &rec) == 1)
			obey(&rec);
	}
	/* A host that is gone says GO to nobody. */
	pthread_mutex_lock(&told.lock);
	told.is_stopped = true;
	pthread_cond_broadcast(&told.news);
	pthread_mutex_unlock(&told.lock);
	return NULL;
}

static void *beat_loop(void *arg)
{
	const struct timespec pause = {.tv_nsec = BEAT_NS};

	(void)arg;
	while (!atomic_load(&out->is_broken)) {
		nanosleep(&pause, NULL);
		out_rec(NWB_CHAN_BEAT, NULL, 0);
	}
	return NULL;
}

int out_start(void)
{
	pthread_attr_t attr;
	pthread_t t;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&t, &attr, listen_loop, NULL);
	if (!rc)
		rc = pthread_create(&t, &attr, beat_loop, NULL);
	pthread_attr_destroy(&attr);
	return -rc;
}

bool out_wait_go(const char *name)
{
	bool is_there = false;

	pthread_mutex_lock(&told.lock);
	while (!is_there && !told.is_stopped) {
		unsigned int i;

		for (i = 0; i < told.nr && strcmp(told.go[i], name); i++)
			;
		is_there = i < told.nr;
		if (is_there) /* one GO is good for one WAIT */
			memmove(told.go[i], told.go[i + 1],
				(--told.nr - i) * sizeof(told.go[0]));
		else
			pthread_cond_wait(&told.news, &told.lock);
	}
	pthread_mutex_unlock(&told.lock);
	return is_there;
}

bool out_is_stopped(void)
{
	bool is;

	pthread_mutex_lock(&told.lock);
	is = told.is_stopped;
	pthread_mutex_unlock(&told.lock);
	return is;
}
