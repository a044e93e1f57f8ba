"""What is known of published data sets without having them: where they are got, and how many examples they have."""

from typing import NamedTuple

__all__ = ["PUBLISHED", "Published"]


class Published(NamedTuple):
    """at: where it is got, or how. train: examples to train on, which are all where what is held out is drawn. images:
    that are decoded, of all splits; 0 of tables. side: height and width, where no size is asked for."""

    at: str
    train: int
    images: int
    side: tuple[int, int] = (0, 0)


# by the data sets' own papers and pages
PUBLISHED = {
    "bone_age": Published("RSNA Pediatric Bone Age Challenge 2017 (rsna.org)", 12_611, 12_611),
    "celeba": Published("mmlab.ie.cuhk.edu.hk/projects/CelebA.html", 162_770, 202_599),
    "celeba_collar": Published("mmlab.ie.cuhk.edu.hk/projects/CelebA.html", 162_770, 202_599),
    "cifar10": Published("cs.toronto.edu/~kriz/cifar.html", 50_000, 60_000, (32, 32)),
    "coloured_mnist": Published("yann.lecun.com/exdb/mnist", 60_000, 70_000, (28, 28)),
    "dif": Published("IBM, on request, and YFCC-100M's photographs", 970_000, 970_000),
    "geo_imagenet": Published("image-net.org, with the countries of its photographs on Flickr", 1_281_167, 1_331_167),
    "imagenet_compatible": Published("the development set of NIPS 2017's adversarial competition", 0, 1_000),
    # all 1,300 tenches and every 100th of the rest, and likewise of the 50,000 of validation
    "imagenet_stamped": Published("image-net.org (ILSVRC 2012)", 14_099, 14_649),
    "imdb_wiki": Published("data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki", 62_328, 62_328),
    "isic2019": Published("challenge.isic-archive.com/data/#2019", 25_331, 25_331),
    "meps": Published("meps.ahrq.gov, panels 19 to 21", 11_362, 0),
    "mnist": Published("yann.lecun.com/exdb/mnist", 60_000, 70_000, (28, 28)),
    "utkface": Published("susanqq.github.io/UTKFace", 23_705, 23_705),
}
