"""Small decoders trained on real photos, which repaint regions: training fakes without anyone's GAN."""
