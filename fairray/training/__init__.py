"""Training: one loop, and engines that run it for one replica, a stack of them, or one over many devices."""
