"""ImageNet's 1,000 classes by name, in the order of its models' outputs, as timm lists them."""

from fairray.networks._torchvision import imported

_info = imported("timm.data").ImageNetInfo()

CLASSES = tuple(_info.index_to_description(i).split(",")[0] for i in range(1000))
