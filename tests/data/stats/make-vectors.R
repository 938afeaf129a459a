#!/usr/bin/env Rscript
# SPDX-License-Identifier: GPL-2.0-or-later
# Golden vectors for include/nwb/stats.h, made once with R 4.2 (r-base-core):
#
#	Rscript make-vectors.R > vectors.txt
#
# rank KIND n | n values
#	| P(V >= v) P(V <= v) | estimate | lo hi at 95 % | 90 % | 99 %
# quantile n | n values | at 0, .1, .25, .5, .75, .9, 1
# bh n | n p-values | n values adjusted by Benjamini and Hochberg
#
# plain   no ties, no zeros: all from wilcox.test(exact = TRUE)
# ties    few magnitudes; zeros: some are 0; mixed: both. R has no exact p for
#	  those, so all 2^n sign patterns of the mid-ranks are counted, as two
#	  halves of 2^(n/2) patterns each. R drops zeros from the estimate and
#	  its interval too; netwb does not, because a shifted zero is no zero:
#	  there the Walsh averages of all values are sorted here.
# An interval that no order statistic can give at that level is -Inf Inf; R
# would give the range of the values and warn.
options(warn = 2, digits = 17)
RNGversion("4.2.0")
set.seed(20261121)
levels <- c(0.95, 0.90, 0.99)

txt <- function(x) paste(format(x, digits = 15, trim = TRUE,
				scientific = FALSE, drop0trailing = TRUE),
			 collapse = " ")
num <- function(x) paste(vapply(x, function(v)
	if (is.finite(v)) sprintf("%.15g", v) else format(v), ""), collapse = " ")

half_sums <- function(ranks) {
	sums <- 0
	for (r in ranks)
		sums <- c(sums, sums + r)
	sums
}

# Share of all sign patterns with a rank sum of at least / at most that of x.
enumerate <- function(x) {
	x <- x[x != 0]
	n <- length(x)
	if (n == 0)
		return(c(1, 1))
	ranks <- rank(abs(x))
	v <- sum(ranks[x > 0])
	cut <- n %/% 2
	left <- half_sums(ranks[seq_len(cut)])
	right <- sort(half_sums(ranks[cut + seq_len(n - cut)]))
	below <- findInterval(v - left, right, left.open = TRUE) # right < v - left
	upto <- findInterval(v - left, right)		   # right <= v - left
	c(sum(length(right) - below), sum(upto)) / 2^n
}

walsh <- function(x) {
	w <- outer(x, x, "+") / 2
	sort(w[!lower.tri(w)])
}

interval <- function(x, level) {
	n <- length(x)
	k <- qsignrank((1 - level) / 2, n)
	if (k == 0)
		return(c(-Inf, Inf))
	w <- walsh(x)
	c(w[k], w[length(w) + 1 - k])
}

rank_line <- function(kind, x) {
	n <- length(x)
	ci <- unlist(lapply(levels, function(l) interval(x, l)))
	est <- median(walsh(x))
	p <- enumerate(x)
	if (kind == "plain") {
		up <- wilcox.test(x, alternative = "greater", exact = TRUE)
		down <- wilcox.test(x, alternative = "less", exact = TRUE)
		stopifnot(abs(p - c(up$p.value, down$p.value)) < 1e-13)
		p <- c(up$p.value, down$p.value)
		for (i in seq_along(levels)) {
			if (is.infinite(ci[2 * i]))
				next
			t <- wilcox.test(x, exact = TRUE, conf.int = TRUE,
					 conf.level = levels[i])
			stopifnot(abs(t$conf.int - ci[2 * i - 1:0]) < 1e-13)
			stopifnot(abs(t$estimate - est) < 1e-13)
			ci[2 * i - 1:0] <- t$conf.int
			est <- t$estimate
		}
	}
	cat("rank", kind, n, "|", txt(x), "|", num(p), "|", num(est), "|",
	    num(ci[1:2]), "|", num(ci[3:4]), "|", num(ci[5:6]), "\n")
}

cat("# made by make-vectors.R with", R.version.string, "\n")
for (n in 5:30) {
	repeat { # heavy tails, as runs have; no ties
		x <- round(0.03 + 0.05 * rt(n, 3), 4)
		if (!anyDuplicated(abs(x)) && all(x != 0))
			break
	}
	rank_line("plain", x)
	rank_line("ties", sample(c(-3:-1, 1:5), n, replace = TRUE) / 8)
	x <- round(0.05 * rt(n, 3), 4)
	x[sample(n, max(1, n %/% 5))] <- 0
	rank_line("zeros", x)
	rank_line("mixed", sample(-2:4, n, replace = TRUE) / 8)
}
for (n in c(1, 2, 5, 8, 30, 31)) {
	x <- round(rexp(n), 4)
	cat("quantile", n, "|", txt(x), "|",
	    num(quantile(x, c(0, .1, .25, .5, .75, .9, 1), type = 7)), "\n")
}
for (n in c(1, 4, 15, 60)) {
	p <- round(c(runif(n - n %/% 3), runif(n %/% 3) / 100), 5)
	cat("bh", n, "|", txt(p), "|", num(p.adjust(p, "BH")), "\n")
}
